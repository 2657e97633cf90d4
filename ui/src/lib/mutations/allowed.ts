import { fleet } from '$lib/fleet/fleet.svelte';
import { session } from '$lib/session/session.svelte';
import type { WorkloadRef } from '$lib/workload/ref';

import type { Verb } from './verbs';

/** Whether it is allowed there, by the user's grants and the agent's verbs. The server decides. */
export function mayUse(
  { name, right }: Verb,
  { cluster, namespace }: Pick<WorkloadRef, 'cluster' | 'namespace'>,
): boolean {
  const known = fleet.byName.get(cluster)?.verbs ?? [];
  return session.may(right, cluster, namespace) && (known.length === 0 || known.includes(name));
}
