import { resolve } from '$app/paths';

export const load = () => ({
  title: 'Runs',
  crumbs: [{ label: 'Fleet', href: resolve('/') }, { label: 'Runs' }],
});
