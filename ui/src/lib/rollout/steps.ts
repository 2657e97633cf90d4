// A rollout as a line of steps, each of so many replicas.

import type { Schemas } from '$lib/api';

type Rollout = Schemas['Rollout'];

export interface Step {
  word: string;
  count: number;
  /** From 0 to 1. */
  part: number;
  state: 'done' | 'now' | 'hangs' | 'later';
}

/** Updated, ready, available: the first that is not whole is where it is now, or hangs. */
export function steps(rollout: Rollout): Step[] {
  const { replicas, updated, ready, available } = rollout;
  // Old pods are ready too, and say nothing about the new ones.
  const ofNew = (count: number) => Math.min(count, updated);
  const counts: [string, number][] = [
    ['updated', updated],
    ['ready', ofNew(ready)],
    ['available', ofNew(available)],
  ];
  const whole = rollout.state === 'complete' || replicas === 0;
  const first = whole ? -1 : counts.findIndex(([, count]) => count < replicas);
  return counts.map(([word, count], index) => ({
    word,
    count,
    part: replicas === 0 ? 1 : Math.min(1, count / replicas),
    state: first < 0 || index < first ? 'done' : index > first ? 'later' : hangs(rollout) ? 'hangs' : 'now',
  }));
}

function hangs({ state, problems }: Rollout): boolean {
  return state === 'failed' || state === 'paused' || (problems?.length ?? 0) > 0;
}
