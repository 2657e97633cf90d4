import type { Schemas } from '$lib/api';
import type { StateName } from '$lib/State.svelte';
import { verbs } from '$lib/mutations/verbs';
import { idOf, targetOf } from '$lib/workload/ref';

/** Milliseconds that the time of a restart may be later than its line, if there are several within one second. */
const AHEAD = 5_000;

type Entry = Schemas['Entry'];

/** The outcome of an operation. If it starts a rollout, acceptance by its cluster is not yet success. */
export function outcomeOf({ verb, outcome }: Pick<Entry, 'verb' | 'outcome'>): StateName {
  const beginsRollout = verbs.some(({ name, beginsRollout }) => name === verb && beginsRollout);
  return beginsRollout && outcome === 'succeeded' ? 'accepted' : outcome;
}

/** The newest accepted restart of each workload, newest first. */
export function newestRestarts(entries: Entry[]): Entry[] {
  const seen = new Set<string>();
  return entries.filter(({ verb, outcome, target }) => {
    const workload = targetOf(target);
    if (verb !== 'restart' || outcome !== 'succeeded' || !workload) return false;
    const id = idOf(workload);
    return !seen.has(id) && seen.add(id);
  });
}

/** The operation that started the current rollout: the newest restart, unless others restarted the workload since. */
export function beginsRollout(entries: Entry[], restartedAt: string | undefined | null): Entry | undefined {
  const newest = entries.find(({ verb, outcome }) => verb === 'restart' && outcome === 'succeeded');
  const isOfIt = newest && restartedAt && Date.parse(restartedAt) <= Date.parse(newest.time) + AHEAD;
  return isOfIt ? newest : undefined;
}
