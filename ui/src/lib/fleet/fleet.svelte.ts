// Every visible cluster, updated by the feed, for all pages.

import { api, ask, type Schemas } from '$lib/api';
import { Resource } from '$lib/list/resource.svelte';
import { feed, type Change } from '$lib/live/feed.svelte';

export type Cluster = Schemas['ClusterView'];

/** Poll interval while the feed is disconnected. */
const READ_EVERY = 5_000;

class Fleet {
  readonly resource = new Resource((signal) => this.#read(signal));
  /** Ordered by name. */
  readonly all = $derived<Cluster[]>(this.resource.value ?? []);
  readonly byName = $derived(new Map(this.all.map((cluster) => [cluster.cluster, cluster])));
  #started = false;

  /** When an offline cluster was last seen: its current state is unknown. */
  lost(name: string): string | undefined {
    const cluster = this.byName.get(name);
    return cluster?.presence === 'offline' ? (cluster.last_seen ?? undefined) : undefined;
  }

  start(): void {
    if (this.#started) {
      return;
    }
    this.#started = true;
    void this.resource.load();
    feed.listen({ changed: (changes) => this.#apply(changes), reread: () => void this.resource.load() });
    setInterval(() => {
      if (feed.state !== 'live' && feed.state !== 'paused' && !this.resource.loading) {
        void this.resource.load();
      }
    }, READ_EVERY);
  }

  async #read(signal: AbortSignal): Promise<Cluster[]> {
    const { items } = await ask(() => api.GET('/clusters', { signal }), signal);
    return ordered(items);
  }

  #apply(changes: Change[]): void {
    const about = changes.filter((change) => change.kind !== 'workload');
    if (about.length === 0 || this.resource.value === undefined) {
      return;
    }
    const clusters = new Map(this.byName);
    for (const change of about) {
      if (change.kind === 'cluster') {
        clusters.set(change.cluster.cluster, change.cluster);
      } else {
        clusters.delete(change.cluster);
      }
    }
    this.resource.value = ordered([...clusters.values()]);
    this.resource.readAt = Date.now();
  }
}

function ordered(clusters: Cluster[]): Cluster[] {
  return clusters.sort((one, other) => (one.cluster < other.cluster ? -1 : 1));
}

export const fleet = new Fleet();
