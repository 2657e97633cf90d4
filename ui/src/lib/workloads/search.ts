// The search box of the workloads table: `cluster:prod-* ns:pay kind:StatefulSet health:degraded image:1.4 label:team=x
// cluster-label:env=prod name:cart part-of-a-name`.

import type { paths } from '$lib/api/schema';
import { healths } from '$lib/fleet/totals';
import { kinds } from '$lib/workload/kinds';

type Query = NonNullable<paths['/workloads']['get']['parameters']['query']>;

export interface Search {
  query: Pick<
    Query,
    'cluster' | 'clusterLabelSelector' | 'namespace' | 'kind' | 'health' | 'image' | 'labelSelector' | 'name' | 'q'
  >;
  /** What is invalid in the text. The rest is used. */
  wrong: string[];
}

/** Written one by one, sent as one selector. */
interface Selectors {
  labels: string[];
  clusterLabels: string[];
}

const names: Record<
  string,
  'cluster' | 'cluster-label' | 'namespace' | 'kind' | 'health' | 'image' | 'label' | 'name'
> = {
  cluster: 'cluster',
  c: 'cluster',
  'cluster-label': 'cluster-label',
  ns: 'namespace',
  namespace: 'namespace',
  kind: 'kind',
  k: 'kind',
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
    const [key, value] = split(word);
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

/** `key:value`, or a word without a key. */
function split(word: string): [key: string, value: string] {
  const colon = word.indexOf(':');
  return colon < 0 ? ['', word] : [word.slice(0, colon).toLowerCase(), word.slice(colon + 1)];
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
      return `“${key}:” is no filter: there are cluster: cluster-label: ns: kind: name: health: image: and label:`;
    case 'cluster':
    case 'namespace':
      query[name] = [...(query[name] ?? []), ...values];
      return undefined;
    case 'kind':
      return addKnown(query, 'kind', values, kinds);
    case 'health':
      return addKnown(query, 'health', values, healths);
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

/** Adds the values that are some of `all`, in whatever case. */
function addKnown<K extends 'kind' | 'health'>(
  query: Search['query'],
  name: K,
  values: string[],
  all: NonNullable<Search['query'][K]>,
): string | undefined {
  const begins = (one: string, part: string) => one.toLowerCase().startsWith(part.toLowerCase());
  const known = (value: string) => all.filter((one) => begins(one, value) && one.length === value.length);
  query[name] = [...(query[name] ?? []), ...values.flatMap(known)] as Search['query'][K];
  const unknown = values.filter((value) => known(value).length === 0);
  // The user is still typing it.
  if (unknown.length === 0 || all.some((one) => unknown.every((part) => begins(one, part)))) {
    return undefined;
  }
  return `“${unknown.join(',')}” is no ${name}: there are ${all.join(', ')}`;
}

/** The text with a filter added, or removed if it is present. */
export function toggled(text: string, filter: string): string {
  const [name, wanted] = split(filter);
  const words = text.split(/\s+/).filter(Boolean);
  const rest = words.flatMap((word) => {
    const [key, value] = split(word);
    const values = value.split(',').filter(Boolean);
    const others = values.filter((value) => value.toLowerCase() !== wanted.toLowerCase());
    if (names[key] !== names[name] || others.length === values.length) return [word];
    return others.length > 0 ? [`${key}:${others.join(',')}`] : [];
  });
  const present = rest.join(' ') !== words.join(' ');
  return (present ? rest : [...words, filter]).join(' ');
}

/** The text without the filters by something, such as `kind`. */
export function without(text: string, name: string): string {
  const isFilter = (word: string) => names[split(word)[0]] === name;
  return text
    .split(/\s+/)
    .filter((word) => word && !isFilter(word))
    .join(' ');
}
