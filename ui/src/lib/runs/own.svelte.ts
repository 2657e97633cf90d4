// The runs of the signed-in user, for the strip on every page: polled while the tab is visible. One that ended, paused, or waits for an
// approval stays until somebody dismisses it, or looks at it.

import { api, ApiProblem, askOnce } from '$lib/api';
import { session } from '$lib/session/session.svelte';

import { hasEnded, needsLook, type Run } from './states';

/** Poll interval in milliseconds while there is one, and while there is none. */
const WHILE_ACTIVE = 2_000;
const OTHERWISE = 20_000;
/** More are only counted. */
const SHOWN = 20;

class Own {
  /** Those that have not ended, and those that ended while they were shown. */
  runs = $state.raw<Run[]>([]);
  /** The states of runs in which they were dismissed. */
  #dismissed = $state.raw<ReadonlySet<string>>(new Set());
  readonly shown = $derived(this.runs.filter((run) => !this.#dismissed.has(stateOf(run))));
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
      const { items } = await askOnce(() => api.GET('/runs', { params: { query } }));
      this.runs = [...items, ...(await this.#ended(items))];
    } catch (thrown) {
      // Show the last known ones until the next poll.
      ApiProblem.thrown(thrown);
    }
    clearTimeout(this.#timer);
    if (this.#watched && !document.hidden) {
      const isActive = this.runs.some((run) => !hasEnded(run));
      this.#timer = setTimeout(() => void this.load(), isActive ? WHILE_ACTIVE : OTHERWISE);
    }
  }

  /** It is not shown again before its state is another one. */
  dismiss(run: Run): void {
    if (needsLook(run)) this.#dismissed = new Set([...this.#dismissed, stateOf(run)]);
    this.runs = this.runs.filter((one) => one.run_id !== run.run_id || !hasEnded(one));
  }

  /** Those that are no longer among the active ones, and were not dismissed. */
  async #ended(active: Run[]): Promise<Run[]> {
    const ids = new Set(active.map(({ run_id }) => run_id));
    const gone = this.runs.filter((run) => !ids.has(run.run_id));
    return (await Promise.all(gone.map((run) => (hasEnded(run) ? [run] : this.#read(run))))).flat();
  }

  async #read({ run_id }: Run): Promise<Run[]> {
    try {
      return [await askOnce(() => api.GET('/runs/{run_id}', { params: { path: { run_id } } }))];
    } catch (thrown) {
      if (ApiProblem.thrown(thrown)?.status === 404) return [];
      throw thrown;
    }
  }
}

const stateOf = ({ run_id, state, revision }: Run): string => `${run_id} ${state} ${revision}`;

export const own = new Own();
