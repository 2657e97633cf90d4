import type { Schemas } from '$lib/api';

/** The colour of a workload's replicas: a full count is good only if the workload is healthy. */
export function toneOf(ready: number, wanted: number, health?: Schemas['Health']): string {
  if (ready < wanted) return ready === 0 ? 'none' : 'some';
  switch (health) {
    case 'failed':
      return 'bad';
    case 'degraded':
      return 'some';
    case 'progressing':
      return 'busy';
    default:
      return 'full';
  }
}
