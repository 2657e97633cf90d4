// One workload as last reported by its cluster, updated by the feed.

import { api, ask, type Schemas } from '$lib/api';
import { fleet } from '$lib/fleet/fleet.svelte';
import { Resource } from '$lib/list/resource.svelte';
import { feed, type Change, type WorkloadChange } from '$lib/live/feed.svelte';
import { isSame, refOf, type WorkloadRef } from '$lib/workload/ref';

export interface Found {
  /** Absent if the cluster did not report it. */
  workload?: Schemas['FleetWorkload'];
  /** The state of its cluster's response. */
  answer?: Schemas['ClusterAnswer'];
}

/** Poll interval while the feed is disconnected. */
const READ_EVERY = 5_000;

export class WorkloadModel {
  readonly found = new Resource<Found>((signal) => this.#read(signal));
  /** Counts the changes seen, to trigger reloads. */
  changes = $state(0);
  /** It existed, and was deleted. */
  gone = $state(false);
  /** Its cluster existed, and was removed. */
  clusterGone = $state(false);
  readonly workload = $derived(this.found.value?.workload);
  /** As far as is known there is no such workload: its cluster has responded, or there is no such cluster. */
  readonly missing = $derived(
    this.gone ||
      this.clusterGone ||
      (this.found.value !== undefined &&
        !this.workload &&
        (this.found.value.answer?.state ?? 'answered') === 'answered'),
  );
  /** When it was last known, if it is unknown now. */
  readonly lost = $derived.by(() => {
    if (this.clusterGone) return new Date(this.found.readAt).toISOString();
    return this.workload?.as_of ?? fleet.lost(this.target.cluster);
  });
  #presence: Schemas['Presence'] | undefined;
  /** Incremented with each load, and when newer data than the load in progress arrives. */
  #version = 0;

  constructor(readonly target: WorkloadRef) {}

  /** Runs until the returned function is called. */
  follow(): () => void {
    this.#presence = fleet.byName.get(this.target.cluster)?.presence;
    void this.found.load();
    const leave = feed.listen({ changed: (changes) => this.#apply(changes), reread: () => void this.reload() });
    const timer = setInterval(() => feed.state !== 'live' && feed.state !== 'paused' && void this.reload(), READ_EVERY);
    return () => {
      leave();
      clearInterval(timer);
      this.found.clear();
    };
  }

  async reload(): Promise<void> {
    const before = this.workload;
    this.#version += 1;
    const version = this.#version;
    await this.found.load();
    if (version !== this.#version) return;
    const { value } = this.found;
    if (this.found.problem === undefined && value?.answer?.state === 'answered') {
      this.gone = before !== undefined && value.workload === undefined;
    }
    const wasThere = before !== undefined || this.clusterGone;
    this.clusterGone = wasThere && value !== undefined && value.answer === undefined;
    this.changes += 1;
  }

  #apply(changes: Change[]): void {
    for (const change of changes) {
      if (change.kind === 'cluster_gone' && change.cluster === this.target.cluster) {
        this.#version += 1;
        this.clusterGone = true;
      } else if (change.kind === 'cluster' && change.cluster.cluster === this.target.cluster) {
        this.#seen(change.cluster.presence);
      } else if (change.kind === 'workload' && this.#isThis(change.change)) {
        this.#changed(change.change.workload);
      }
    }
  }

  /** Its cluster went offline or came back: reload everything. */
  #seen(presence: Schemas['Presence']): void {
    if (presence !== this.#presence || this.clusterGone) {
      this.#presence = presence;
      void this.reload();
    }
  }

  #isThis(change: WorkloadChange): boolean {
    return isSame(refOf(change), this.target);
  }

  #changed(workload: Schemas['FleetWorkload'] | undefined): void {
    this.gone = workload === undefined;
    if (workload) {
      this.found.value = { ...this.found.value, workload };
      this.found.readAt = Date.now();
    }
    this.changes += 1;
  }

  async #read(signal: AbortSignal): Promise<Found> {
    const { cluster, namespace, kind, name } = this.target;
    const query = { cluster: [cluster], namespace: [namespace], kind: [kind], name, countImages: false };
    const { items, clusters } = await ask(() => api.GET('/workloads', { params: { query }, signal }), signal);
    const answer = clusters.find((answer) => answer.cluster === cluster);
    // A cluster that did not answer in time has not said that the workload is gone: what was known stays.
    const known = answer && answer.state !== 'answered' ? this.workload : undefined;
    return { workload: items[0] ?? known, answer };
  }
}
