// What changes anywhere in the fleet, from one stream for the whole page. It is let go while nobody looks: a browser has few
// connections for one server, and its tabs share them.

import type { Schemas } from '$lib/api';

import { Batch } from './batch';
import { Stream, type StreamState } from './stream';

export interface DeploymentChange {
  cluster: string;
  namespace: string;
  deployment_name: string;
  /** Absent when it is gone. */
  deployment?: Schemas['FleetDeployment'];
}

export type Change =
  | { kind: 'cluster'; cluster: Schemas['ClusterView'] }
  | { kind: 'cluster_gone'; cluster: string }
  | { kind: 'deployment'; change: DeploymentChange };

export interface Listener {
  changed?: (changes: Change[]) => void;
  /** Changes may have been missed: read the lists again. */
  reread: () => void;
}

const DRAWN_EVERY = 100;
const BOUND = 5_000;
const PAUSED_AFTER = 60_000;

class Feed {
  state = $state<StreamState | 'paused'>('connecting');
  #stream: Stream | undefined;
  #listeners = new Set<Listener>();
  #hidden: ReturnType<typeof setTimeout> | undefined;
  #batch = new Batch<Change>(
    DRAWN_EVERY,
    BOUND,
    (changes) => this.#listeners.forEach((listener) => listener.changed?.(changes)),
    () => this.#reread(),
  );

  start(): void {
    if (this.#stream === undefined) {
      document.addEventListener('visibilitychange', () => this.#visibility());
      this.resume();
    }
  }

  /** Until the function that it answers with is called. */
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
    this.#stream = new Stream('/watch', {
      onstate: (state) => (this.state = state),
      on: {
        reset: () => this.#reread(),
        resumed: () => {},
        gap: () => this.#reread(),
        cluster: (cluster: Schemas['ClusterView']) => this.#batch.add({ kind: 'cluster', cluster }),
        cluster_gone: ({ cluster }: { cluster: string }) => this.#batch.add({ kind: 'cluster_gone', cluster }),
        deployment: (change: DeploymentChange) => this.#batch.add({ kind: 'deployment', change }),
      },
    });
  }

  #reread(): void {
    this.#batch.clear();
    this.#listeners.forEach((listener) => listener.reread());
  }

  #visibility(): void {
    clearTimeout(this.#hidden);
    if (document.hidden) {
      this.#hidden = setTimeout(() => this.pause(), PAUSED_AFTER);
    } else if (this.state === 'paused') {
      this.resume();
    }
  }
}

export const feed = new Feed();
