// Deployments by a part of their name, while it is being written, the worst first; and what can be done with them.

import { goto } from '$app/navigation';
import { api, ask, type Schemas } from '$lib/api';
import { fleet } from '$lib/fleet/fleet.svelte';
import { deploymentHref, logsHref, searchHref } from '$lib/links';
import { Resource } from '$lib/list/resource.svelte';
import { restarts } from '$lib/restart/restarts.svelte';
import { session } from '$lib/session/session.svelte';

import type { Item } from './commands';

const SHOWN = 8;
const AFTER = 120;
/** What can be done with a deployment from here. */
const ACT = /^(restart|logs)\s+(.*)$/;
type Act = 'restart' | 'logs';
type Deployment = Schemas['FleetDeployment'];

const NAME = /^[a-z0-9.-]{2,253}$/;

class Found {
  #text = '';
  #act = $state<Act>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #page = new Resource((signal) =>
    ask(
      () =>
        api.GET('/deployments', {
          params: { query: { q: this.#text, sort: 'health', limit: SHOWN, timeout: '1s', countImages: false } },
          signal,
        }),
      signal,
    ),
  );

  items = $derived<Item[]>([
    ...(this.#page.value?.items ?? []).filter((row) => this.#may(row)).map((row) => this.#item(row)),
    ...this.#more(),
  ]);

  /** The name, or what is to be done and the name: `restart payments`, `logs payments`. */
  look(text: string): void {
    clearTimeout(this.#timer);
    const [, verb, rest] = ACT.exec(text) ?? [];
    this.#act = verb as Act | undefined;
    this.#text = (rest ?? text).trim();
    if (NAME.test(this.#text)) {
      this.#timer = setTimeout(() => void this.#page.load(), AFTER);
    } else {
      this.#page.clear();
    }
  }

  #may({ cluster, namespace }: Deployment): boolean {
    return this.#act !== 'restart' || session.may('restart', cluster, namespace);
  }

  #item(row: Deployment): Item {
    const { cluster, namespace, deployment_name: name } = row;
    const item = {
      id: `deployment ${cluster} ${namespace} ${name}`,
      state: row.last_health ?? row.health,
      lost: row.as_of ?? fleet.lost(cluster),
      hint: `${cluster} / ${namespace}`,
    };
    const deployment = { cluster, namespace, name };
    switch (this.#act) {
      case 'restart':
        return { ...item, label: `Restart ${name}…`, run: () => restarts.propose([row]) };
      case 'logs':
        return { ...item, label: `Logs of ${name}`, run: () => void goto(logsHref(deployment)) };
      default:
        return { ...item, label: name, run: () => void goto(deploymentHref(deployment)) };
    }
  }

  /** What is found beyond those that are shown. */
  #more(): Item[] {
    const count = (this.#page.value?.totals.deployments ?? 0) - (this.#page.value?.items.length ?? 0);
    const search = searchHref(this.#text);
    return count > 0
      ? [{ id: 'more deployments', label: `${count.toLocaleString()} more`, run: () => void goto(search) }]
      : [];
  }
}

export const found = new Found();
