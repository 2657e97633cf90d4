import type { IconName } from '$lib/icons';

interface Page {
  path: string;
  label: string;
  icon: IconName;
  keys: string;
}

/** The pages in the navigation, the keys and the palette. */
export const pages: Page[] = [
  { path: '/', label: 'Fleet', icon: 'fleet', keys: 'g c' },
  { path: '/workloads', label: 'Workloads', icon: 'workloads', keys: 'g w' },
  { path: '/runs', label: 'Runs', icon: 'runs', keys: 'g r' },
  { path: '/activity', label: 'Activity', icon: 'activity', keys: 'g a' },
  { path: '/account', label: 'Account', icon: 'account', keys: 'g u' },
];
