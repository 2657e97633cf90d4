// A list of the API that is read page by page: its first page is read again every few seconds, later ones as somebody scrolls.

import { Resource } from './resource.svelte';

interface Page {
  items: unknown[];
  continue?: string | null;
}

/** Which page, as in the query of the API. */
export interface PageQuery {
  limit: number;
  continue?: string;
}

/** Items of a page. */
const LIMIT = 100;

export class Pages<P extends Page> {
  readonly page: Resource<P>;
  #readsMore = false;
  /** The value with later pages than the first. */
  #extended?: P;

  /** `read` reads a page; the first one is refreshed every `every` milliseconds while the tab is visible. */
  constructor(
    private readonly read: (query: PageQuery, signal?: AbortSignal) => Promise<P>,
    private readonly every: number,
  ) {
    this.page = new Resource((signal) => read({ limit: LIMIT }, signal));
  }

  /** Runs until the returned function is called. */
  follow(): () => void {
    const timer = setInterval(() => {
      // Do not reset a reader who has scrolled to later pages.
      const isFirst = !this.page.value || this.page.value !== this.#extended;
      if (!document.hidden && !this.page.loading && isFirst) {
        void this.page.load();
      }
    }, this.every);
    return () => {
      clearInterval(timer);
      this.page.clear();
    };
  }

  async loadMore(): Promise<void> {
    const before = this.page.value;
    if (!before?.continue || this.#readsMore || this.page.loading) {
      return;
    }
    this.#readsMore = true;
    try {
      const next = await this.read({ limit: LIMIT, continue: before.continue });
      if (this.page.value === before) {
        this.#extended = { ...before, continue: undefined, ...next, items: [...before.items, ...next.items] };
        this.page.value = this.#extended;
      }
    } catch {
      await this.page.load();
    } finally {
      this.#readsMore = false;
    }
  }
}
