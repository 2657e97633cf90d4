// Keyboard shortcuts. A component binds keys while it is mounted; the page has one listener and can list all bindings.

import { untrack } from 'svelte';

import { settings } from '$lib/settings/settings.svelte';

import { typesText } from './target';

export interface Binding {
  /** As in `KeyboardEvent.key`; two with a space between are pressed one after the other. */
  keys: string;
  what: string;
  run: () => void;
  /** The heading under which the key is listed. */
  group: 'Everywhere' | 'In a list';
}

const SEQUENCE_WITHIN = 1_000;

class Keys {
  bindings = $state.raw<Binding[]>([]);
  #first: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Binds until the returned function is called. The newest of two bindings of a key wins. */
  bind(bindings: Binding[]): () => void {
    // An effect that binds must not depend on other bindings.
    this.bindings = [...bindings, ...untrack(() => this.bindings)];
    return () => (this.bindings = this.bindings.filter((binding) => !bindings.includes(binding)));
  }

  press(event: KeyboardEvent): void {
    if (!settings.singleKeys || isForSomethingElse(event)) {
      return;
    }
    const pressed = this.#first === undefined ? event.key : `${this.#first} ${event.key}`;
    const hit = this.bindings.find(({ keys }) => keys === pressed);
    this.#remember(hit === undefined && this.#first === undefined ? event.key : undefined);
    if (hit) {
      event.preventDefault();
      hit.run();
    }
  }

  #remember(key: string | undefined): void {
    clearTimeout(this.#timer);
    this.#first = key !== undefined && this.bindings.some(({ keys }) => keys.startsWith(`${key} `)) ? key : undefined;
    this.#timer = setTimeout(() => (this.#first = undefined), SEQUENCE_WITHIN);
  }
}

function isForSomethingElse(event: KeyboardEvent): boolean {
  const inDialog = document.querySelector('[role="dialog"], [role="alertdialog"]') !== null;
  return event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || inDialog || typesText(event);
}

export const keys = new Keys();
