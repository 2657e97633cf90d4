import { resolve } from '$app/paths';
import { searchHref } from '$lib/links';

export const load = ({ params }) => ({
  title: `${params.name} · ${params.namespace} · ${params.cluster}`,
  crumbs: [
    { label: 'Fleet', href: resolve('/') },
    { label: 'Workloads', href: resolve('/workloads') },
    { label: params.cluster, href: searchHref(`cluster:${params.cluster}`) },
    {
      label: params.namespace,
      href: searchHref(`cluster:${params.cluster} ns:${params.namespace}`),
    },
    { label: params.name },
  ],
});
