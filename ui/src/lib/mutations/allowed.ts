import { fleet } from '$lib/fleet/fleet.svelte';
import { session } from '$lib/session/session.svelte';
import type { WorkloadRef } from '$lib/workload/ref';

import type { Verb } from './verbs';

/** Whether it may be done there, by somebody's grants and by what the cluster's agent knows. The server decides. */
export function mayUse(
  { name, right }: Verb,
  { cluster, namespace }: Pick<WorkloadRef, 'cluster' | 'namespace'>,
): boolean {
  const known = fleet.byName.get(cluster)?.verbs ?? [];
  return session.may(right, cluster, namespace) && (known.length === 0 || known.includes(name));
}
