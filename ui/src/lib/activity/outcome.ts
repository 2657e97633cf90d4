import type { Schemas } from '$lib/api';
import type { StateName } from '$lib/State.svelte';
import { verbs } from '$lib/mutations/verbs';
import { idOf, targetOf } from '$lib/workload/ref';

/** Milliseconds that the time of a restart may be later than its line, when there are several within one second. */
const AHEAD = 5_000;

type Entry = Schemas['Entry'];

/** How an operation ended. One that begins a rollout has no success yet when its cluster has taken it. */
export function outcomeOf({ verb, outcome }: Pick<Entry, 'verb' | 'outcome'>): StateName {
  const beginsRollout = verbs.some(({ name, beginsRollout }) => name === verb && beginsRollout);
  return beginsRollout && outcome === 'succeeded' ? 'accepted' : outcome;
}

/** The newest restart of each deployment that its cluster has taken, the newest first. */
export function newestRestarts(entries: Entry[]): Entry[] {
  const seen = new Set<string>();
  return entries.filter(({ verb, outcome, target }) => {
    const workload = targetOf(target);
    if (verb !== 'restart' || outcome !== 'succeeded' || !workload) return false;
    const id = idOf(workload);
    return !seen.has(id) && seen.add(id);
  });
}

/** The operation that the present rollout is of: the newest restart, if the deployment was not restarted since by others. */
export function beginsRollout(entries: Entry[], restartedAt: string | undefined | null): Entry | undefined {
  const newest = entries.find(({ verb, outcome }) => verb === 'restart' && outcome === 'succeeded');
  const isOfIt = newest && restartedAt && Date.parse(restartedAt) <= Date.parse(newest.time) + AHEAD;
  return isOfIt ? newest : undefined;
}
