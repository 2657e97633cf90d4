import { resolve } from '$app/paths';

export const load = () => ({
  title: 'Workloads',
  crumbs: [{ label: 'Fleet', href: resolve('/') }, { label: 'Workloads' }],
});
