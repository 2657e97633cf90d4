import { resolve } from '$app/paths';

export const load = () => ({
  title: 'Deployments',
  crumbs: [{ label: 'Fleet', href: resolve('/') }, { label: 'Deployments' }],
});
