// The runs of the signed-in user that have not ended, for the strip on every page: polled while the tab is visible.

import { api, ApiProblem, askOnce } from '$lib/api';
import { session } from '$lib/session/session.svelte';

import type { Run } from './states';

/** Poll interval in milliseconds while there is one, and while there is none. */
const WHILE_ACTIVE = 2_000;
const OTHERWISE = 20_000;
/** More are only counted. */
const SHOWN = 20;

class Own {
  runs = $state.raw<Run[]>([]);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #watched = false;

  /** Runs until the returned function is called. */
  watch(): () => void {
    this.#watched = true;
    const look = () => void (document.hidden || this.load());
    document.addEventListener('visibilitychange', look);
    void this.load();
    return () => {
      this.#watched = false;
      document.removeEventListener('visibilitychange', look);
      clearTimeout(this.#timer);
    };
  }

  async load(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      const query = { active: true, user: session.me?.user, limit: SHOWN };
      this.runs = (await askOnce(() => api.GET('/runs', { params: { query } }))).items;
    } catch (thrown) {
      // Show the last known ones until the next poll.
      ApiProblem.thrown(thrown);
    }
    clearTimeout(this.#timer);
    if (this.#watched && !document.hidden) {
      this.#timer = setTimeout(() => void this.load(), this.runs.length > 0 ? WHILE_ACTIVE : OTHERWISE);
    }
  }
}

export const own = new Own();
