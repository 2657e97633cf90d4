import { fleet } from '$lib/fleet/fleet.svelte';
import { session } from '$lib/session/session.svelte';
import type { WorkloadRef } from '$lib/workload/ref';

import { verbs, type Verb } from './verbs';

type Where = Pick<WorkloadRef, 'cluster' | 'namespace'>;

function isEnabled({ name }: Verb, cluster: string): boolean {
  return fleet.byName.get(cluster)?.allowed_verbs.includes(name) ?? true;
}

/** Whether it may be done there, by somebody's grants and by what the cluster is enrolled for. The server decides. */
export function mayUse(verb: Verb, { cluster, namespace }: Where): boolean {
  return session.may(verb.right, cluster, namespace) && isEnabled(verb, cluster);
}

/** What somebody's grants allow there, and the cluster does not. */
export function notEnabled({ cluster, namespace }: Where): Verb[] {
  return verbs.filter((verb) => session.may(verb.right, cluster, namespace) && !isEnabled(verb, cluster));
}
