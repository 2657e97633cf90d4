import { fleet } from '$lib/fleet/fleet.svelte';
import { session } from '$lib/session/session.svelte';
import type { WorkloadRef } from '$lib/workload/ref';

import { verbs, type Verb } from './verbs';

type Target = Pick<WorkloadRef, 'cluster' | 'namespace' | 'kind'>;

function isEnabled({ name }: Verb, cluster: string): boolean {
  return fleet.byName.get(cluster)?.allowed_verbs.includes(name) ?? true;
}

/** Whether its kind has such a change, and somebody's grants allow it there. */
function isGranted({ kinds, right }: Verb, { cluster, namespace, kind }: Target): boolean {
  return kinds.includes(kind) && session.may(right, cluster, namespace);
}

/** Whether it may be done to such a workload, by its kind, somebody's grants and what the cluster is enrolled for. The server decides. */
export function mayUse(verb: Verb, target: Target): boolean {
  return isGranted(verb, target) && isEnabled(verb, target.cluster);
}

/** What somebody's grants allow there, and the cluster does not. */
export function notEnabled(target: Target): Verb[] {
  return verbs.filter((verb) => isGranted(verb, target) && !isEnabled(verb, target.cluster));
}
