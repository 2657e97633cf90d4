// Workloads matching a part of a name while it is typed, worst first, and the actions on them.

import { goto } from '$app/navigation';
import { api, ask, type Schemas } from '$lib/api';
import { fleet } from '$lib/fleet/fleet.svelte';
import { searchHref } from '$lib/links';
import { Resource } from '$lib/list/resource.svelte';
import { mutations } from '$lib/mutations/mutations.svelte';
import { mayUse } from '$lib/mutations/allowed';
import { phrase, verbs, type Verb } from '$lib/mutations/verbs';
import { idOf, locationOf, pageOf, refOf } from '$lib/workload/ref';

import type { Item } from './commands';

const SHOWN = 8;
const AFTER = 120;
/** The actions on a workload. */
const ACT = new RegExp(`^(${[...verbs.map(({ name }) => name), 'logs'].join('|')})\\s+(.*)$`);
type Act = Verb | 'logs';
type FleetWorkload = Schemas['FleetWorkload'];

const NAME = /^[a-z0-9.-]{2,253}$/;

class Found {
  #text = '';
  #act = $state<Act>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #page = new Resource((signal) =>
    ask(
      () =>
        api.GET('/workloads', {
          params: { query: { ...this.#search(), sort: 'health', limit: SHOWN, timeout: '1s', countImages: false } },
          signal,
        }),
      signal,
    ),
  );

  items = $derived<Item[]>([
    ...(this.#page.value?.items ?? []).filter((row) => this.#may(row)).map((row) => this.#item(row)),
    ...this.#more(),
  ]);

  /** A name, or an action and a name: `restart payments`, `logs payments`. */
  look(text: string): void {
    clearTimeout(this.#timer);
    const [, verb, rest] = ACT.exec(text) ?? [];
    this.#act = verb === 'logs' ? verb : verbs.find(({ name }) => name === verb);
    this.#text = (rest ?? text).trim();
    if (NAME.test(this.#text)) {
      this.#timer = setTimeout(() => void this.#page.load(), AFTER);
    } else {
      this.#page.clear();
    }
  }

  /** Only of the kinds that have the action. */
  #search() {
    const act = this.#act;
    return { q: this.#text, ...(act && act !== 'logs' && { kind: act.kinds }) };
  }

  #may(row: FleetWorkload): boolean {
    const act = this.#act;
    return act === undefined || act === 'logs' || mayUse(act, row);
  }

  #item(row: FleetWorkload): Item {
    const target = refOf(row);
    const { cluster, name } = target;
    const item = {
      id: `workload ${idOf(target)}`,
      state: row.last_health ?? row.health,
      lost: row.as_of ?? fleet.lost(cluster),
      hint: locationOf(target),
    };
    const act = this.#act;
    switch (act) {
      case 'logs':
        return { ...item, label: `Logs of ${name}`, run: () => void goto(pageOf(target, '/logs')) };
      case undefined:
        return { ...item, label: name, run: () => void goto(pageOf(target)) };
      default:
        return {
          ...item,
          label: `${phrase(act, name)}…`,
          run: () => mutations.propose(act, [{ target, workload: row }]),
        };
    }
  }

  /** The number of further matches. */
  #more(): Item[] {
    const count = (this.#page.value?.totals.workloads ?? 0) - (this.#page.value?.items.length ?? 0);
    const search = searchHref(this.#text);
    return count > 0
      ? [{ id: 'more workloads', label: `${count.toLocaleString()} more`, run: () => void goto(search) }]
      : [];
  }
}

export const found = new Found();
