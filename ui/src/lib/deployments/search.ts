// The search box of the deployments table: `cluster:prod-* ns:pay health:degraded image:1.4 label:team=x cluster-label:env=prod name:cart
// part-of-a-name`.

import type { paths } from '$lib/api/schema';
import { healths, type Health } from '$lib/fleet/totals';

type Query = NonNullable<paths['/deployments']['get']['parameters']['query']>;

export interface Search {
  query: Pick<
    Query,
    'cluster' | 'clusterLabelSelector' | 'namespace' | 'health' | 'image' | 'labelSelector' | 'name' | 'q'
  >;
  /** What is invalid in the text. The rest is used. */
  wrong: string[];
}

/** Written one by one, sent as one selector. */
interface Selectors {
  labels: string[];
  clusterLabels: string[];
}

const names: Record<string, 'cluster' | 'cluster-label' | 'namespace' | 'health' | 'image' | 'label' | 'name'> = {
  cluster: 'cluster',
  c: 'cluster',
  'cluster-label': 'cluster-label',
  ns: 'namespace',
  namespace: 'namespace',
  health: 'health',
  h: 'health',
  image: 'image',
  label: 'label',
  name: 'name',
};

export function parse(text: string): Search {
  const search: Search = { query: {}, wrong: [] };
  const selectors: Selectors = { labels: [], clusterLabels: [] };
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const colon = word.indexOf(':');
    const [key, value] = colon < 0 ? ['', word] : [word.slice(0, colon).toLowerCase(), word.slice(colon + 1)];
    const wrong = key === '' ? addText(search, value) : addFilter(search, selectors, key, value);
    if (wrong !== undefined) {
      search.wrong.push(wrong);
    }
  }
  if (selectors.labels.length > 0) {
    search.query.labelSelector = selectors.labels.join(',');
  }
  if (selectors.clusterLabels.length > 0) {
    search.query.clusterLabelSelector = selectors.clusterLabels.join(',');
  }
  return search;
}

function addText({ query }: Search, text: string): string | undefined {
  if (query.q !== undefined) {
    return `“${text}” is left out: a name has no spaces. For more words, use cluster: ns: image: or label:`;
  }
  query.q = text.toLowerCase();
  return undefined;
}

function addFilter(
  { query }: Search,
  { labels, clusterLabels }: Selectors,
  key: string,
  value: string,
): string | undefined {
  const values = value.split(',').filter(Boolean);
  const name = names[key];
  if (values.length === 0 && name !== undefined) {
    // The user is still typing it.
    return undefined;
  }
  switch (name) {
    case undefined:
      return `“${key}:” is no filter: there are cluster: cluster-label: ns: name: health: image: and label:`;
    case 'cluster':
    case 'namespace':
      query[name] = [...(query[name] ?? []), ...values];
      return undefined;
    case 'health':
      return addHealth(query, values);
    case 'label':
      labels.push(value);
      return undefined;
    case 'cluster-label':
      clusterLabels.push(value);
      return undefined;
    case 'image':
    case 'name':
      if (query[name] !== undefined) {
        return `“${key}:${value}” is left out: there can be one ${name}`;
      }
      query[name] = value;
      return undefined;
  }
}

function addHealth(query: Search['query'], values: string[]): string | undefined {
  const known = values.filter((value): value is Health => (healths as string[]).includes(value));
  query.health = [...(query.health ?? []), ...known];
  const unknown = values.filter((value) => !(healths as string[]).includes(value));
  if (unknown.length === 0 || healths.some((health) => unknown.every((value) => health.startsWith(value)))) {
    return undefined;
  }
  return `“${unknown.join(',')}” is no health: there are ${healths.join(', ')}`;
}

/** The text with a filter added, or removed if it is present. */
export function toggled(text: string, filter: string): string {
  const words = text.split(/\s+/).filter(Boolean);
  const rest = words.filter((word) => word !== filter);
  return (rest.length < words.length ? rest : [...words, filter]).join(' ');
}
