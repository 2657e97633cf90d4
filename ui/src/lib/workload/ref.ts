// A reference to a workload, and its formats: in a URL, in a call, and as text.

import { resolve } from '$app/paths';
import type { Schemas } from '$lib/api';

export interface WorkloadRef {
  cluster: string;
  namespace: string;
  kind: Schemas['WorkloadKind'];
  name: string;
}

/** Its fields in rows and in the audit. */
interface Named {
  cluster: string;
  namespace: string;
  deployment_name: string;
}

export function refOf({ cluster, namespace, deployment_name: name }: Named): WorkloadRef {
  return { cluster, namespace, kind: 'Deployment', name };
}

/** The path of its reads. */
export function pathOf({ cluster, namespace, kind, name }: WorkloadRef): string {
  return `/workloads/${cluster}/${namespace}/${kind}/${name}`;
}

/** Its fields in the body of calls, and in the query of the audit. */
export function named({ cluster, namespace, name }: WorkloadRef): Named {
  return { cluster, namespace, deployment_name: name };
}

/** The target of an operation, if it is a workload. */
export function targetOf(target: Schemas['Target'] | null | undefined): WorkloadRef | undefined {
  const { cluster, namespace, deployment_name } = target ?? {};
  return cluster && namespace && deployment_name ? refOf({ cluster, namespace, deployment_name }) : undefined;
}

/** `cluster/namespace/name`: unique per workload. */
export function idOf({ cluster, namespace, name }: WorkloadRef): string {
  return `${cluster}/${namespace}/${name}`;
}

/** The same for a row. */
export function idOfRow({ cluster, namespace, deployment_name }: Named): string {
  return `${cluster}/${namespace}/${deployment_name}`;
}

/** The inverse; `undefined` for an invalid id. */
export function fromId(id: string): WorkloadRef | undefined {
  const [cluster, namespace, name, more] = id.split('/');
  return cluster && namespace && name && more === undefined
    ? { cluster, namespace, kind: 'Deployment', name }
    : undefined;
}

export const isSame = (one: WorkloadRef, other: WorkloadRef): boolean => idOf(one) === idOf(other);

/** The URL of its page. */
export function pageOf({ cluster, namespace, name }: WorkloadRef, tab: '' | '/logs' = ''): string {
  return resolve('/deployments/[cluster]/[namespace]/[name]', { cluster, namespace, name }) + tab;
}
