// Something that is read from the API and shown: what it was last, whether it is being read, and why that failed.

import { untrack } from 'svelte';

import { ApiProblem } from '$lib/api';

export class Resource<T> {
  value = $state.raw<T>();
  /** Why the last reading failed; the value is then as old as `readAt`. */
  problem = $state.raw<ApiProblem>();
  loading = $state(false);
  readAt = $state(0);
  /** When the answer that is waited for was asked for. */
  askedAt = $state(0);
  #reading: AbortController | undefined;

  constructor(readonly read: (signal: AbortSignal) => Promise<T>) {}

  /** Reads it anew; a reading under way is given up. */
  async load(): Promise<void> {
    this.#reading?.abort();
    const reading = new AbortController();
    this.#reading = reading;
    // An effect that reads something does not depend on how far that is.
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

  /** Forgets what was read: what comes now is about something else. */
  clear(): void {
    this.#reading?.abort();
    this.value = undefined;
    this.problem = undefined;
    this.loading = false;
  }
}
