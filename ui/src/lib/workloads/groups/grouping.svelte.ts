// Workloads grouped by name: loaded page by page, and reloaded when something matching the search changes. The workloads of an
// expanded group are loaded by name.

import { SvelteMap } from 'svelte/reactivity';

import { api, ask, type Schemas } from '$lib/api';
import { Throttle } from '$lib/workload/throttle';
import { Resource } from '$lib/list/resource.svelte';
import { feed, type Change } from '$lib/live/feed.svelte';

import { turned } from '../answers';
import { mayMatch } from '../match';
import { parse } from '../search';
import { groupOf, type Named } from './rows';

type Groups = Schemas['FleetGroups'];
type Members = Resource<Schemas['FleetPage']>;

const PAGE = 100;
/** Maximum number of workloads shown in a group; the list shows the others. */
const MEMBERS = 100;
const NO_MORE_OFTEN = 3_000;
/** Reload interval: clusters that did not respond in time may do so now, and some changes cause no event. */
const AT_LEAST = 15_000;

/** The sort orders of groups. */
const SORTS = ['health', '-health', 'name', '-name'] as const;
type Sort = (typeof SORTS)[number];

export function sortOf(sort: string): Sort {
  return SORTS.find((known) => known === sort) ?? 'health';
}

export class Grouping {
  readonly page = new Resource<Groups>((signal) => this.#read(signal));
  /** The workloads of expanded groups, by the id of the group. */
  readonly members = new SvelteMap<string, Members>();
  more = $state(false);
  #search = parse('');
  #sort: Sort = 'health';
  #later = new Throttle(NO_MORE_OFTEN, () => this.load());

  /** Runs until the returned function is called. */
  follow(): () => void {
    const leave = feed.listen({ changed: (changes) => this.#changed(changes), reread: () => this.#later.soon() });
    const timer = setInterval(() => !document.hidden && this.#later.soon(), AT_LEAST);
    return () => {
      leave();
      clearInterval(timer);
      this.#later.stop();
    };
  }

  /** Loads the groups of the search. */
  show(text: string, sort: string): void {
    this.#search = parse(text);
    this.#sort = sortOf(sort);
    this.load();
  }

  /** Expands exactly these groups. */
  open(ids: string[]): void {
    [...this.members.keys()].filter((id) => !ids.includes(id)).forEach((id) => this.members.delete(id));
    for (const id of ids.filter((id) => !this.members.has(id))) {
      const group = groupOf(id);
      if (group === undefined) continue;
      const members: Members = new Resource((signal) => this.#readMembers(group, signal));
      this.members.set(id, members);
      void members.load();
    }
  }

  load(): void {
    void this.page.load();
    this.members.forEach((members) => void members.load());
  }

  /** Adds the next page. */
  async loadMore(): Promise<void> {
    const before = this.page.value;
    if (!before?.continue || this.more || this.page.loading) {
      return;
    }
    this.more = true;
    try {
      const next = await ask(() => this.#get(PAGE, { continue: before.continue ?? undefined }));
      if (this.page.value === before) {
        this.page.value = { ...next, items: [...before.items, ...next.items] };
      }
    } catch {
      this.load();
    } finally {
      this.more = false;
    }
  }

  /** As many as were shown, so that the visible rows stay. */
  #read(signal: AbortSignal): Promise<Groups> {
    const shown = Math.ceil((this.page.value?.items.length ?? 0) / PAGE) * PAGE;
    return ask(() => this.#get(Math.min(Math.max(PAGE, shown), 5_000), { signal }), signal);
  }

  #get(limit: number, { signal, ...rest }: { continue?: string; signal?: AbortSignal }) {
    const query = { ...this.#search.query, sort: this.#sort, limit, ...rest };
    return api.GET('/workload-groups', { params: { query }, signal });
  }

  #readMembers({ kind, name }: Named, signal: AbortSignal): Promise<Schemas['FleetPage']> {
    const query = { ...this.#search.query, kind: [kind], name, sort: 'health', limit: MEMBERS, countImages: false };
    return ask(() => api.GET('/workloads', { params: { query }, signal }), signal);
  }

  #changed(changes: Change[]): void {
    const concerns = (change: Change) =>
      change.kind === 'workload'
        ? change.change.workload === undefined || mayMatch(this.#search, change.change.workload)
        : turned(change, this.page.value?.clusters ?? []);
    if (changes.some(concerns)) this.#later.soon();
  }
}
