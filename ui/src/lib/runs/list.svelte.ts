// The runs that somebody may see, newest first, page by page.

import { api, ask, type Schemas } from '$lib/api';
import { Resource } from '$lib/list/resource.svelte';

type Page = Schemas['RunPage'];

const PAGE = 100;
/** Refresh interval of the first page while the tab is visible, in milliseconds. */
const READ_EVERY = 3_000;

export class RunList {
  readonly page = new Resource<Page>((signal) => this.#get({}, signal));
  active = $state(false);
  more = $state(false);

  /** Runs until the returned function is called. */
  follow(): () => void {
    const timer = setInterval(() => {
      const read = this.page.value?.items.length ?? 0;
      // Do not reset a reader who has scrolled to later pages.
      if (!document.hidden && !this.page.loading && read <= PAGE) {
        void this.page.load();
      }
    }, READ_EVERY);
    return () => {
      clearInterval(timer);
      this.page.clear();
    };
  }

  show(active: boolean): void {
    this.active = active;
    this.page.clear();
    void this.page.load();
  }

  async loadMore(): Promise<void> {
    const before = this.page.value;
    if (!before?.continue || this.more || this.page.loading) {
      return;
    }
    this.more = true;
    try {
      const next = await this.#get({ continue: before.continue });
      if (this.page.value === before) {
        this.page.value = { ...next, items: [...before.items, ...next.items] };
      }
    } catch {
      await this.page.load();
    } finally {
      this.more = false;
    }
  }

  #get(part: { continue?: string }, signal?: AbortSignal): Promise<Page> {
    const query = { limit: PAGE, ...(this.active && { active: true }), ...part };
    return ask(() => api.GET('/runs', { params: { query }, signal }), signal);
  }
}
