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

/**
 * Updated, ready, available: the first that is not whole is where it is now. Where pods have problems or it has failed, it hangs
 * at the first that has not come as far as the one before.
 */
export function steps(rollout: Rollout): Step[] {
  const { replicas, updated, ready, available } = rollout;
  const counts = [updated, ofNew(ready, rollout), ofNew(available, rollout)];
  const whole = rollout.state === 'complete' || replicas === 0;
  const now = whole ? counts.length : counts.findIndex((count) => count < replicas);
  const hanging = whole || !hangs(rollout) ? -1 : hangsAt(counts, now);
  return WORDS.map((word, index) => ({
    word,
    count: counts[index] as number,
    part: replicas === 0 ? 1 : Math.min(1, (counts[index] as number) / replicas),
    state: index === hanging ? 'hangs' : index < now ? 'done' : index === now ? 'now' : 'later',
  }));
}

const WORDS = ['updated', 'ready', 'available'];

/** Of the new pods alone: those of older versions are taken to be ready. */
function ofNew(count: number, { total, updated }: Rollout): number {
  return Math.min(updated, Math.max(0, count - Math.max(0, total - updated)));
}

function hangs({ state, problems }: Rollout): boolean {
  return state === 'failed' || state === 'paused' || (problems?.length ?? 0) > 0;
}

function hangsAt(counts: number[], now: number): number {
  const behind = counts.findIndex((count, index) => index > 0 && count < (counts[index - 1] as number));
  return behind < 0 ? now : behind;
}
