import type { Schemas } from '$lib/api';
import type { StateName } from '$lib/State.svelte';

/** Milliseconds that the time of a restart may be later than its line, when there are several within one second. */
const AHEAD = 5_000;

type Entry = Schemas['Entry'];

/** How an operation ended. A restart that its cluster has taken is a rollout that has begun, and no success yet. */
export function outcomeOf({ verb, outcome }: Pick<Entry, 'verb' | 'outcome'>): StateName {
  return verb === 'restart' && outcome === 'succeeded' ? 'accepted' : outcome;
}

/** The newest restart of each deployment that its cluster has taken, the newest first. */
export function newestRestarts(entries: Entry[]): Entry[] {
  const seen = new Set<string>();
  return entries.filter(({ verb, outcome, target }) => {
    if (verb !== 'restart' || outcome !== 'succeeded' || !target) return false;
    const id = JSON.stringify([target.cluster, target.namespace, target.deployment_name]);
    return !seen.has(id) && seen.add(id);
  });
}

/** The operation that the present rollout is of: the newest restart, if the deployment was not restarted since by others. */
export function beginsRollout(entries: Entry[], restartedAt: string | undefined | null): Entry | undefined {
  const newest = entries.find(({ verb, outcome }) => verb === 'restart' && outcome === 'succeeded');
  const isOfIt = newest && restartedAt && Date.parse(restartedAt) <= Date.parse(newest.time) + AHEAD;
  return isOfIt ? newest : undefined;
}
