// A rollout as a line of steps, each a number of replicas.

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
 * Updated, ready, available: the first incomplete step is the current one. If pods have problems or the rollout has failed, it is stuck
 * there, and at the first step that lags behind the previous one.
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
    state:
      index < now
        ? 'done'
        : index === hanging || (index === now && hanging >= 0)
          ? 'hangs'
          : index === now
            ? 'now'
            : 'later',
  }));
}

const WORDS = ['updated', 'ready', 'available'];

/** Only of new pods: pods of older versions are assumed to be ready. */
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
