// Which workload is meant, and the ways to write that: its place in the address, in a call, and as text.

import { resolve } from '$app/paths';
import type { Schemas } from '$lib/api';

export interface WorkloadRef {
  cluster: string;
  namespace: string;
  kind: Schemas['WorkloadKind'];
  name: string;
}

/** As rows and the audit have it. */
interface Named {
  cluster: string;
  namespace: string;
  deployment_name: string;
}

export function refOf({ cluster, namespace, deployment_name: name }: Named): WorkloadRef {
  return { cluster, namespace, kind: 'Deployment', name };
}

/** The path of what is read of it. */
export function pathOf({ cluster, namespace, kind, name }: WorkloadRef): string {
  return `/workloads/${cluster}/${namespace}/${kind}/${name}`;
}

/** As calls take it in their body, and the audit in its query. */
export function named({ cluster, namespace, name }: WorkloadRef): Named {
  return { cluster, namespace, deployment_name: name };
}

/** What an operation was done to, where that is a workload. */
export function targetOf(target: Schemas['Target'] | null | undefined): WorkloadRef | undefined {
  const { cluster, namespace, deployment_name } = target ?? {};
  return cluster && namespace && deployment_name ? refOf({ cluster, namespace, deployment_name }) : undefined;
}

/** `cluster/namespace/name`: no two workloads have the same. */
export function idOf({ cluster, namespace, name }: WorkloadRef): string {
  return `${cluster}/${namespace}/${name}`;
}

/** The same of a row. */
export function idOfRow({ cluster, namespace, deployment_name }: Named): string {
  return `${cluster}/${namespace}/${deployment_name}`;
}

/** The other way round; nothing for what is no id. */
export function fromId(id: string): WorkloadRef | undefined {
  const [cluster, namespace, name, more] = id.split('/');
  return cluster && namespace && name && more === undefined
    ? { cluster, namespace, kind: 'Deployment', name }
    : undefined;
}

export const isSame = (one: WorkloadRef, other: WorkloadRef): boolean => idOf(one) === idOf(other);

/** The address of its page. */
export function pageOf({ cluster, namespace, name }: WorkloadRef, tab: '' | '/logs' = ''): string {
  return resolve('/deployments/[cluster]/[namespace]/[name]', { cluster, namespace, name }) + tab;
}
