// The rollouts of the newest restarts in the activity: acceptance of a restart says nothing about the pods.

import { SvelteMap } from 'svelte/reactivity';

import { api, askOnce, type Schemas } from '$lib/api';
import { targetOf } from '$lib/workload/ref';

import { beginsRollout, newestRestarts } from './outcome';
import type { Entry } from './trail.svelte';

type Rollout = Schemas['Rollout'];

/** As many as fit on a screen, from the last day. */
const MOST = 20;
const WITHIN = 86_400_000;

const ENDED: Schemas['RolloutState'][] = ['complete', 'failed'];

export class Rollouts {
  #known = new SvelteMap<string, Rollout | undefined>();
  #looking = false;

  /** The rollout of a restart; `undefined` for another operation, an older restart, or if it is unknown. */
  of({ operation_id }: Entry): Rollout | undefined {
    return operation_id ? this.#known.get(operation_id) : undefined;
  }

  /** Reads those that are unknown or in progress. */
  async look(entries: Entry[], now = Date.now()): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const recent = newestRestarts(entries).filter(({ time }) => now - Date.parse(time) < WITHIN);
      for (const entry of recent.slice(0, MOST)) {
        const id = entry.operation_id ?? '';
        const known = this.#known.get(id);
        const isOver = this.#known.has(id) && (!known || ENDED.includes(known.state));
        if (!isOver) this.#known.set(id, await read(entry));
      }
    } finally {
      this.#looking = false;
    }
  }
}

async function read(entry: Entry): Promise<Rollout | undefined> {
  const workload = targetOf(entry.target);
  if (!workload) return undefined;
  try {
    const rollout = await askOnce(() =>
      api.GET('/workloads/{cluster}/{namespace}/{kind}/{name}/rollout', { params: { path: workload } }),
    );
    return beginsRollout([entry], rollout.restarted_at) && rollout;
  } catch {
    // It is deleted, not visible, or its cluster is offline: show nothing.
    return undefined;
  }
}
