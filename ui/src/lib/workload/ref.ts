// A reference to a workload, and its formats: in a URL, in a call, and as text.

import { resolve } from '$app/paths';
import type { Schemas } from '$lib/api';

import { isKind, type Kind } from './kinds';

export interface WorkloadRef {
  cluster: string;
  namespace: string;
  kind: Kind;
  name: string;
}

/** Its fields in the API: in rows `kind` and `name`, elsewhere `deployment_name` alone for a deployment. */
export interface Named {
  cluster: string;
  namespace: string;
  kind?: Kind | null;
  name?: string | null;
  deployment_name?: string | null;
}

export function refOf({ cluster, namespace, kind, name, deployment_name }: Named): WorkloadRef {
  return { cluster, namespace, kind: kind ?? 'Deployment', name: name ?? deployment_name ?? '' };
}

/** The path of its reads. */
export function pathOf({ cluster, namespace, kind, name }: WorkloadRef): string {
  return `/workloads/${cluster}/${namespace}/${kind}/${name}`;
}

/** Its fields in the body of calls. */
export function named({ cluster, namespace, kind, name }: WorkloadRef) {
  return kind === 'Deployment' ? { cluster, namespace, deployment_name: name } : { cluster, namespace, kind, name };
}

/** The target of an operation, if it is a workload. */
export function targetOf(target: Schemas['Target'] | null | undefined): WorkloadRef | undefined {
  const { cluster, namespace, kind, name, deployment_name } = target ?? {};
  return cluster && namespace && (name ?? deployment_name)
    ? refOf({ cluster, namespace, kind, name, deployment_name })
    : undefined;
}

/** `cluster/namespace/name` for a deployment, `cluster/namespace/kind/name` for others, as in a run: unique per workload. */
export function idOf({ cluster, namespace, kind, name }: WorkloadRef): string {
  return kind === 'Deployment' ? `${cluster}/${namespace}/${name}` : `${cluster}/${namespace}/${kind}/${name}`;
}

/** The same for a row. */
export const idOfRow = (row: Named): string => idOf(refOf(row));

/** The inverse; `undefined` for an invalid id. */
export function fromId(id: string): WorkloadRef | undefined {
  const parts = id.split('/');
  const [cluster, namespace, kind, name] = parts.length === 3 ? [...parts.slice(0, 2), 'Deployment', parts[2]] : parts;
  return cluster && namespace && kind && isKind(kind) && name && parts.length <= 4
    ? { cluster, namespace, kind, name }
    : undefined;
}

export const isSame = (one: WorkloadRef, other: WorkloadRef): boolean => idOf(one) === idOf(other);

/** The URL of its page. */
export function pageOf({ cluster, namespace, kind, name }: WorkloadRef, tab: '' | '/logs' = ''): string {
  return resolve('/workloads/[cluster]/[namespace]/[kind=kind]/[name]', { cluster, namespace, kind, name }) + tab;
}

/** Its kind and where it is, in words: `StatefulSet, prod-1 / shop`. */
export function locationOf({ cluster, namespace, kind }: WorkloadRef): string {
  return `${kind}, ${cluster} / ${namespace}`;
}
