import { resolve } from '$app/paths';

export const load = ({ params }) => ({
  title: `${params.name} · ${params.namespace} · ${params.cluster}`,
  crumbs: [
    { label: 'Fleet', href: resolve('/') },
    { label: 'Deployments', href: resolve('/deployments') },
    { label: params.cluster, href: `${resolve('/deployments')}?q=cluster:${params.cluster}` },
    {
      label: params.namespace,
      href: `${resolve('/deployments')}?q=cluster:${params.cluster}%20ns:${params.namespace}`,
    },
    { label: params.name },
  ],
});
