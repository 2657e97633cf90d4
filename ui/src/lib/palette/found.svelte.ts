// Deployments by a part of their name, while it is being written.

import { goto } from '$app/navigation';
import { resolve } from '$app/paths';
import { api, ask } from '$lib/api';
import { Resource } from '$lib/list/resource.svelte';

import type { Item } from './commands';

const SHOWN = 8;
const AFTER = 120;
const NAME = /^[a-z0-9.-]{2,253}$/;

class Found {
  #text = '';
  #timer: ReturnType<typeof setTimeout> | undefined;
  #page = new Resource((signal) =>
    ask(
      () =>
        api.GET('/deployments', {
          params: { query: { q: this.#text, limit: SHOWN, timeout: '1s', countImages: false } },
          signal,
        }),
      signal,
    ),
  );

  items = $derived<Item[]>(
    (this.#page.value?.items ?? []).map(({ cluster, namespace, deployment_name }) => ({
      id: `deployment ${cluster} ${namespace} ${deployment_name}`,
      label: deployment_name,
      hint: `${cluster} / ${namespace}`,
      run: () =>
        void goto(resolve('/deployments/[cluster]/[namespace]/[name]', { cluster, namespace, name: deployment_name })),
    })),
  );

  look(text: string): void {
    clearTimeout(this.#timer);
    this.#text = text.trim();
    if (NAME.test(this.#text)) {
      this.#timer = setTimeout(() => void this.#page.load(), AFTER);
    } else {
      this.#page.clear();
    }
  }
}

export const found = new Found();
