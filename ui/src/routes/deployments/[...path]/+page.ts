// The addresses from when there were deployments alone, for old bookmarks.

import { redirect } from '@sveltejs/kit';

import { resolve } from '$app/paths';

export function load({ params, url }) {
  const [cluster, namespace, name, ...rest] = params.path.split('/').filter(Boolean);
  const page = cluster && namespace && name ? ['', cluster, namespace, 'Deployment', name, ...rest] : [];
  redirect(307, `${resolve('/workloads')}${page.join('/')}${url.search}`);
}
