import { resolve } from '$app/paths';

export const load = () => ({
  title: 'Activity',
  crumbs: [{ label: 'Fleet', href: resolve('/') }, { label: 'Activity' }],
});
