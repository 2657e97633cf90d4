// Whether a change of a workload concerns a list that was loaded before.

import type { Schemas } from '$lib/api';
import { matches } from '$lib/session/grant';

import type { Search } from './search';

export type FleetWorkload = Schemas['FleetWorkload'];

export const isWorkload = (row: object): row is FleetWorkload => 'cluster' in row;

/** Whether it may match the search. Only the server can compare images and labels, also those of clusters: they count as a match. */
export function mayMatch({ query }: Search, workload: FleetWorkload): boolean {
  return (
    fitsAny(query.cluster, workload.cluster) &&
    fitsAny(query.namespace, workload.namespace) &&
    (!query.kind?.length || query.kind.includes(workload.kind)) &&
    (!query.health?.length || query.health.includes(workload.health)) &&
    workload.name.includes(query.q ?? '') &&
    (query.name === undefined || query.name === workload.name)
  );
}

function fitsAny(patterns: string[] | undefined, name: string): boolean {
  return !patterns?.length || patterns.some((pattern) => matches(pattern, name));
}
