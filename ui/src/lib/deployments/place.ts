// Where a deployment stands, and whether a change of one concerns a list that was read before.

import type { Schemas } from '$lib/api';
import type { DeploymentRef } from '$lib/links';
import { matches } from '$lib/session/grant';

import type { Search } from './search';

export type Deployment = Schemas['FleetDeployment'];

export const isDeployment = (row: object): row is Deployment => 'cluster' in row;

interface Place {
  cluster: string;
  namespace: string;
  deployment_name: string;
}

export function idOf({ cluster, namespace, deployment_name }: Place): string {
  return `${cluster}/${namespace}/${deployment_name}`;
}

/** The other way round; nothing for what is no id. */
export function targetOf(id: string): DeploymentRef | undefined {
  const [cluster, namespace, name, more] = id.split('/');
  return cluster && namespace && name && more === undefined ? { cluster, namespace, name } : undefined;
}

/** Whether it may be among what was searched for. Images and labels, also those of clusters, are the server's to compare: they count as a yes. */
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
