// Whether a change of a deployment concerns a list that was loaded before.

import type { Schemas } from '$lib/api';
import { matches } from '$lib/session/grant';

import type { Search } from './search';

export type Deployment = Schemas['FleetDeployment'];

export const isDeployment = (row: object): row is Deployment => 'cluster' in row;

/** Whether it may match the search. Only the server can compare images and labels, also those of clusters: they count as a match. */
export function mayMatch({ query }: Search, deployment: Deployment): boolean {
  return (
    fitsAny(query.cluster, deployment.cluster) &&
    fitsAny(query.namespace, deployment.namespace) &&
    (!query.health?.length || query.health.includes(deployment.health)) &&
    deployment.deployment_name.includes(query.q ?? '') &&
    (query.name === undefined || query.name === deployment.deployment_name)
  );
}

function fitsAny(patterns: string[] | undefined, name: string): boolean {
  return !patterns?.length || patterns.some((pattern) => matches(pattern, name));
}
