// Which workloads a run is for: from a search or a selection, and back to the text of a search.

import type { Schemas } from '$lib/api';
import { kinds, type Kind } from '$lib/workload/kinds';
import type { Search } from '$lib/workloads/search';

/** What is absent is not filtered by. */
export type Selector = Partial<Schemas['TargetSelector']>;

/** All that a search finds. */
export function ofSearch({ query }: Pick<Search, 'query'>): Selector {
  return {
    ...(query.cluster?.length && { clusters: query.cluster }),
    ...(query.clusterLabelSelector && { cluster_label_selector: query.clusterLabelSelector }),
    ...(query.namespace?.length && { namespaces: query.namespace }),
    ...(query.kind?.length && { kinds: query.kind }),
    ...(query.labelSelector && { label_selector: query.labelSelector }),
    ...(query.health?.length && { health: query.health }),
    ...(query.image && { image: query.image }),
    ...(query.name && { name: query.name }),
    ...(query.q && { q: query.q }),
  };
}

/** Of what is selected, the workloads of some kinds; `undefined` if it selects only others. */
export function narrowed(selector: Selector, some: Kind[]): Selector | undefined {
  const selected = selector.kinds?.length ? selector.kinds : kinds;
  const both = selected.filter((kind) => some.includes(kind));
  if (both.length === 0) return undefined;
  return both.length === selected.length ? selector : { ...selector, kinds: both };
}

/** The text that finds the same in the search box, without what it cannot express. */
export function searchText(selector: Selector): string {
  const list = (key: string, values: readonly string[] | undefined) =>
    values?.length ? [`${key}:${values.join(',')}`] : [];
  const one = (key: string, value: string | null | undefined) => (value ? [`${key}:${value}`] : []);
  return [
    ...list('cluster', selector.clusters),
    ...one('cluster-label', selector.cluster_label_selector),
    ...list('ns', selector.namespaces),
    ...list('kind', selector.kinds),
    ...list('health', selector.health),
    ...one('image', selector.image),
    ...one('label', selector.label_selector),
    ...one('name', selector.name),
    ...(selector.q ? [selector.q] : []),
  ].join(' ');
}

/** What the search box cannot express, in words. */
export function byName({ only, exclude }: Selector): string {
  const count = (names: string[] | undefined) =>
    names?.length === 1 ? names[0] : `${names?.length.toLocaleString()} chosen by name`;
  return [only?.length ? count(only) : '', exclude?.length ? `without ${count(exclude)}` : '']
    .filter(Boolean)
    .join(', ');
}
