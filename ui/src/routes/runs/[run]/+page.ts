import { resolve } from '$app/paths';

export const load = ({ params }: { params: { run: string } }) => ({
  title: 'Run',
  crumbs: [{ label: 'Fleet', href: resolve('/') }, { label: 'Runs', href: resolve('/runs') }, { label: params.run }],
});
