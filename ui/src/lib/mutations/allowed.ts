import { fleet } from '$lib/fleet/fleet.svelte';
import { session } from '$lib/session/session.svelte';
import type { WorkloadRef } from '$lib/workload/ref';

import type { Verb } from './verbs';

/** Whether it may be done there, by somebody's grants and by what the cluster is enrolled for. The server decides. */
export function mayUse(
  { name, right }: Verb,
  { cluster, namespace }: Pick<WorkloadRef, 'cluster' | 'namespace'>,
): boolean {
  const allowed = fleet.byName.get(cluster)?.allowed_verbs;
  return session.may(right, cluster, namespace) && (allowed === undefined || allowed.includes(name));
}
