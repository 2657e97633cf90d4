// The table's rows: read page by page, and kept up to date by the feed as far as that goes without reading them again.

import { SvelteMap } from 'svelte/reactivity';

import { api, ask, type Schemas } from '$lib/api';
import { fleet } from '$lib/fleet/fleet.svelte';
import { Resource } from '$lib/list/resource.svelte';
import { feed, type Change, type DeploymentChange } from '$lib/live/feed.svelte';
import { idOfRow } from '$lib/workload/ref';

import { turned } from './answers';
import { mayMatch, type Deployment } from './place';
import { parse, type Search } from './search';

type Page = Schemas['FleetPage'];
type Health = Schemas['Health'];

/** What a high screen shows, and some more: the smaller an answer, the sooner it is painted. */
const PAGE = 100;
/** A first page is read again by itself, no more often than this, and for at most a tenth of the time. */
const NO_MORE_OFTEN = 3_000;
const SHARE = 10;
/** Clusters that did not answer in time may do so now. */
const ASK_AGAIN_AFTER = 10_000;

export class Listing {
  readonly page = new Resource<Page>((signal) => this.#read(signal));
  search = $state.raw<Search>({ query: {}, wrong: [] });
  sort = $state('health');
  /** What is not in the rows and totals yet: by deployment how it is now, `gone`, or by cluster `turned`. */
  readonly missing = new SvelteMap<string, Health | 'gone' | 'turned'>();
  more = $state(false);
  /** Of clusters, when the list was read: by them it may have been filtered. */
  #labels = new Map<string, string>();
  #followed = false;
  #text: string | undefined;
  /** Milliseconds of the last reading. */
  #took = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Until the function that it answers with is called. */
  follow(): () => void {
    this.#followed = true;
    const leave = feed.listen({ changed: (changes) => this.#apply(changes), reread: () => void this.load() });
    return () => {
      leave();
      this.#followed = false;
      clearTimeout(this.#timer);
    };
  }

  /** Asks at once. The address follows, and then asks for the same, which is not asked again. */
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
      // A cursor does not outlive every change of the fleet: begin anew.
      await this.load();
    } finally {
      this.more = false;
    }
  }

  /** The first of all that match, no more than so many, in the order of the rows. */
  async all(limit: number): Promise<Deployment[]> {
    const items: Deployment[] = [];
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
    return api.GET('/deployments', { params: { query }, signal });
  }

  #apply(changes: Change[]): void {
    const page = this.page.value;
    if (!page) {
      return;
    }
    const about = changes.flatMap((change) => (change.kind === 'deployment' ? [change.change] : []));
    if (about.length > 0) {
      this.#patch(page, new Map(about.map((change) => [idOfRow(change), change])));
    }
    const differs = (change: Change) => turned(change, page.clusters) || this.#relabelled(change);
    changes.filter(differs).forEach((change) => this.missing.set(nameOf(change), 'turned'));
    this.#readAgainLater(page);
  }

  /** Whether a filter by labels may choose otherwise now. */
  #relabelled(change: Change): boolean {
    if (change.kind !== 'cluster' || this.search.query.clusterLabelSelector === undefined) {
      return false;
    }
    const { cluster, labels } = change.cluster;
    return this.#labels.get(cluster) !== JSON.stringify(labels);
  }

  /** Puts changes into the rows that are there, and counts those that are not. */
  #patch(page: Page, latest: Map<string, DeploymentChange>): void {
    const before = page.items.filter((item) => latest.get(idOfRow(item))?.deployment !== undefined);
    const known = new Set(page.items.map(idOfRow));
    if (before.length > 0) {
      const items = page.items.map((item) => latest.get(idOfRow(item))?.deployment ?? item);
      const health = recounted(page.totals.health, before, latest);
      this.page.value = { ...page, items, totals: { ...page.totals, health } };
    }
    for (const [id, { deployment }] of latest) {
      if (deployment === undefined) this.missing.set(id, 'gone');
      else if (!known.has(id) && mayMatch(this.search, deployment)) this.missing.set(id, deployment.health);
    }
  }

  #readAgainLater(page: Page): void {
    if (this.missing.size > 0 && page.items.length <= PAGE) {
      const pause = Math.max(NO_MORE_OFTEN, this.#took * SHARE) - (Date.now() - this.page.readAt);
      this.#timer ??= setTimeout(() => void this.load(), Math.max(0, pause));
    }
  }
}

/** Of what is about a cluster. */
function nameOf(change: Change): string {
  return change.kind === 'cluster' ? change.cluster.cluster : change.kind === 'cluster_gone' ? change.cluster : '';
}

type Counts = Page['totals']['health'];

/** The counts by health after changes of deployments that were counted as they were before. */
function recounted(counts: Counts, before: Deployment[], latest: Map<string, DeploymentChange>): Counts {
  const after = { ...counts };
  for (const item of before) {
    const health = latest.get(idOfRow(item))?.deployment?.health ?? item.health;
    after[item.health] = (after[item.health] ?? 0) - 1;
    after[health] = (after[health] ?? 0) + 1;
  }
  return after;
}
