// Data loaded from the API: the last value, whether it is loading, and why loading failed.

import { untrack } from 'svelte';

import { ApiProblem } from '$lib/api';

export class Resource<T> {
  value = $state.raw<T>();
  /** Why the last load failed; the value is then as old as `readAt`. */
  problem = $state.raw<ApiProblem>();
  loading = $state(false);
  readAt = $state(0);
  /** When the pending request was sent. */
  askedAt = $state(0);
  #reading: AbortController | undefined;

  constructor(readonly read: (signal: AbortSignal) => Promise<T>) {}

  /** Reloads it; a load in progress is aborted. */
  async load(): Promise<void> {
    this.#reading?.abort();
    const reading = new AbortController();
    this.#reading = reading;
    // An effect that loads something must not depend on its progress.
    if (!untrack(() => this.loading)) this.askedAt = Date.now();
    this.loading = true;
    try {
      const value = await this.read(reading.signal);
      if (!reading.signal.aborted) {
        this.value = value;
        this.problem = undefined;
        this.readAt = Date.now();
      }
    } catch (error) {
      if (!reading.signal.aborted) {
        this.problem = ApiProblem.thrown(error);
      }
    } finally {
      if (this.#reading === reading) {
        this.loading = false;
      }
    }
  }

  /** Drops the value: the next load is for something else. */
  clear(): void {
    this.#reading?.abort();
    this.value = undefined;
    this.problem = undefined;
    this.loading = false;
  }
}
