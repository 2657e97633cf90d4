// The table's rows: loaded page by page, and patched from the feed where that is possible without reloading.

import { SvelteMap } from 'svelte/reactivity';

import { api, ask, type Schemas } from '$lib/api';
import { fleet } from '$lib/fleet/fleet.svelte';
import { Resource } from '$lib/list/resource.svelte';
import { feed, type Change, type WorkloadChange } from '$lib/live/feed.svelte';
import { idOfRow } from '$lib/workload/ref';

import { turned } from './answers';
import { mayMatch, type FleetWorkload } from './match';
import { parse, type Search } from './search';

type Page = Schemas['FleetPage'];
type Health = Schemas['Health'];

/** What a tall screen shows, and some more: smaller responses are painted sooner. */
const PAGE = 100;
/** Minimum interval of automatic reloads of the first page, which take at most a tenth of the time. */
const NO_MORE_OFTEN = 3_000;
const SHARE = 10;
/** Reload interval: clusters that did not respond in time may do so now. */
const ASK_AGAIN_AFTER = 10_000;

export class Listing {
  readonly page = new Resource<Page>((signal) => this.#read(signal));
  search = $state.raw<Search>({ query: {}, wrong: [] });
  sort = $state('health');
  /** Changes not yet in rows and totals: by workload its new state or `gone`, by cluster `turned`. */
  readonly missing = new SvelteMap<string, Health | 'gone' | 'turned'>();
  more = $state(false);
  /** Labels of clusters when the list was loaded: it may have been filtered by them. */
  #labels = new Map<string, string>();
  #followed = false;
  #text: string | undefined;
  /** Duration of the last load, in milliseconds. */
  #took = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Runs until the returned function is called. */
  follow(): () => void {
    this.#followed = true;
    const leave = feed.listen({ changed: (changes) => this.#apply(changes), reread: () => void this.load() });
    return () => {
      leave();
      this.#followed = false;
      clearTimeout(this.#timer);
    };
  }

  /** Loads at once. The URL follows and triggers the same search, which is not loaded again. */
  show(text: string, sort: string): void {
    if (text === this.#text && sort === this.sort) {
      return;
    }
    this.#text = text;
    this.search = parse(text);
    this.sort = sort;
    void this.load();
  }

  async load(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.missing.clear();
    this.#labels = new Map(fleet.all.map(({ cluster, labels }) => [cluster, JSON.stringify(labels)]));
    await this.page.load();
    this.#took = Date.now() - this.page.askedAt;
    if (this.#followed && this.page.value?.answers.timed_out) {
      this.#timer ??= setTimeout(() => void this.load(), ASK_AGAIN_AFTER);
    }
  }

  /** Adds the next page. */
  async loadMore(): Promise<void> {
    const before = this.page.value;
    if (!before?.continue || this.more || this.page.loading) {
      return;
    }
    this.more = true;
    try {
      const next = await ask(() => this.#get({ continue: before.continue ?? undefined }));
      if (this.page.value?.continue === before.continue) {
        const items = [...(this.page.value?.items ?? []), ...next.items];
        this.page.value = { ...next, items };
      }
    } catch {
      // A cursor can become invalid when the fleet changes: start over.
      await this.load();
    } finally {
      this.more = false;
    }
  }

  /** The first matching workloads, up to a maximum, in row order. */
  async all(limit: number): Promise<FleetWorkload[]> {
    const items: FleetWorkload[] = [];
    let next: string | undefined;
    do {
      const from = next;
      const page = await ask(() => this.#get({ limit: limit - items.length, ...(from && { continue: from }) }));
      items.push(...page.items);
      next = page.continue ?? undefined;
    } while (next !== undefined && items.length < limit);
    return items;
  }

  #read(signal: AbortSignal): Promise<Page> {
    return ask(() => this.#get({ signal }), signal);
  }

  #get({ signal, ...rest }: { continue?: string; limit?: number; signal?: AbortSignal }) {
    const query = { ...this.search.query, sort: this.sort, limit: PAGE, countImages: false, ...rest };
    return api.GET('/workloads', { params: { query }, signal });
  }

  #apply(changes: Change[]): void {
    const page = this.page.value;
    if (!page) {
      return;
    }
    const about = changes.flatMap((change) => (change.kind === 'workload' ? [change.change] : []));
    if (about.length > 0) {
      this.#patch(page, new Map(about.map((change) => [idOfRow(change), change])));
    }
    const differs = (change: Change) => turned(change, page.clusters) || this.#relabelled(change);
    changes.filter(differs).forEach((change) => this.missing.set(nameOf(change), 'turned'));
    this.#readAgainLater(page);
  }

  /** Whether a label filter may match differently now. */
  #relabelled(change: Change): boolean {
    if (change.kind !== 'cluster' || this.search.query.clusterLabelSelector === undefined) {
      return false;
    }
    const { cluster, labels } = change.cluster;
    return this.#labels.get(cluster) !== JSON.stringify(labels);
  }

  /** Applies changes to loaded rows, and counts those of other rows. */
  #patch(page: Page, latest: Map<string, WorkloadChange>): void {
    const before = page.items.filter((item) => latest.get(idOfRow(item))?.workload !== undefined);
    const known = new Set(page.items.map(idOfRow));
    if (before.length > 0) {
      const items = page.items.map((item) => latest.get(idOfRow(item))?.workload ?? item);
      const health = recounted(page.totals.health, before, latest);
      this.page.value = { ...page, items, totals: { ...page.totals, health } };
    }
    for (const [id, { workload }] of latest) {
      if (workload === undefined) this.missing.set(id, 'gone');
      else if (!known.has(id) && mayMatch(this.search, workload)) this.missing.set(id, workload.health);
    }
  }

  #readAgainLater(page: Page): void {
    if (this.missing.size > 0 && page.items.length <= PAGE) {
      const pause = Math.max(NO_MORE_OFTEN, this.#took * SHARE) - (Date.now() - this.page.readAt);
      this.#timer ??= setTimeout(() => void this.load(), Math.max(0, pause));
    }
  }
}

/** The prefix of changes about a cluster. */
function nameOf(change: Change): string {
  return change.kind === 'cluster' ? change.cluster.cluster : change.kind === 'cluster_gone' ? change.cluster : '';
}

type Counts = Page['totals']['health'];

/** Updates the counts by health after changes of workloads that were already counted. */
function recounted(counts: Counts, before: FleetWorkload[], latest: Map<string, WorkloadChange>): Counts {
  const after = { ...counts };
  for (const item of before) {
    const health = latest.get(idOfRow(item))?.workload?.health ?? item.health;
    after[item.health] = (after[item.health] ?? 0) - 1;
    after[health] = (after[health] ?? 0) + 1;
  }
  return after;
}
