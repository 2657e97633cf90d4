// Changes anywhere in the fleet, from one stream for all tabs of the browser.

import { prefix, type Schemas } from '$lib/api';
import { session } from '$lib/session/session.svelte';

import { Batch } from './batch';
import { SharedStream } from './shared';
import type { StreamState } from './stream';

export interface WorkloadChange {
  cluster: string;
  namespace: string;
  kind: Schemas['WorkloadKind'];
  name: string;
  /** Absent if it was deleted. */
  workload?: Schemas['FleetWorkload'];
}

export type Change =
  | { kind: 'cluster'; cluster: Schemas['ClusterView'] }
  | { kind: 'cluster_gone'; cluster: string }
  | { kind: 'workload'; change: WorkloadChange };

export interface Listener {
  changed?: (changes: Change[]) => void;
  /** Changes may have been missed: reload the lists. */
  reread: () => void;
}

const DRAWN_EVERY = 100;
const BOUND = 5_000;

class Feed {
  state = $state<StreamState>('connecting');
  #stream: SharedStream | undefined;
  #listeners = new Set<Listener>();
  #batch = new Batch<Change>(
    DRAWN_EVERY,
    BOUND,
    (changes) => this.#listeners.forEach((listener) => listener.changed?.(changes)),
    () => this.#reread(),
  );

  start(): void {
    if (this.#stream === undefined) {
      this.resume();
    }
  }

  /** Runs until the returned function is called. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  pause(): void {
    this.#stream?.close();
    this.#batch.clear();
    this.state = 'paused';
  }

  resume(): void {
    this.#stream?.close();
    // Another user's changes must not reach this one.
    this.#stream = new SharedStream(`watch ${prefix} ${session.me?.user}`, '/watch', {
      onstate: (state) => (this.state = state),
      on: {
        reset: () => this.#reread(),
        resumed: () => {},
        gap: () => this.#reread(),
        cluster: (cluster: Schemas['ClusterView']) => this.#batch.add({ kind: 'cluster', cluster }),
        cluster_gone: ({ cluster }: { cluster: string }) => this.#batch.add({ kind: 'cluster_gone', cluster }),
        workload: (change: WorkloadChange) => this.#batch.add({ kind: 'workload', change }),
      },
    });
  }

  #reread(): void {
    this.#batch.clear();
    this.#listeners.forEach((listener) => listener.reread());
  }
}

export const feed = new Feed();
