import { resolve } from '$app/paths';

export const load = () => ({
  title: 'Account',
  crumbs: [{ label: 'Fleet', href: resolve('/') }, { label: 'Account' }],
});
