import type { Schemas } from '$lib/api';
import type { StateName } from '$lib/State.svelte';

type Pod = Schemas['PodSummary'];
type Container = Schemas['ContainerSummary'];

const ON_ITS_WAY = ['Pending', 'ContainerCreating', 'PodInitializing', 'Running', 'waiting', 'running', 'NotReady'];
const OVER = ['Completed', 'Succeeded'];

/** A pod's status as one of the common states; its own word is shown beside it. */
export function stateOf({ status, ready }: Pick<Pod, 'status' | 'ready'>): StateName {
  if (status === 'Terminating') {
    return 'terminating';
  }
  if (OVER.includes(status)) {
    return 'stopped';
  }
  if (ON_ITS_WAY.includes(status) || status.startsWith('Init:')) {
    return ready ? 'healthy' : /Error|BackOff/.test(status) ? 'failed' : 'progressing';
  }
  return status === 'Unknown' ? 'unknown' : 'failed';
}

/** As for a pod. A container that exited successfully is not a problem. */
export function stateOfContainer({ state, reason, ready }: Container): StateName {
  return stateOf({ status: reason ?? state, ready });
}

export function readyCount({ containers }: Pick<Pod, 'containers'>): string {
  return `${containers.filter(({ ready }) => ready).length}/${containers.length}`;
}
