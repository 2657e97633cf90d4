// The activity that matches a filter, newest first, page by page.

import { api, ask, type Schemas } from '$lib/api';
import { Resource } from '$lib/list/resource.svelte';

import { parametersOf, toQuery, type Filter } from './filter';

type Page = Schemas['AuditPage'];
export type Entry = Schemas['Entry'];

const PAGE = 100;
/** Refresh interval of the first page while the tab is visible. */
const READ_EVERY = 5_000;
/** Maximum number of lines of an API page, and of a file. */
const MOST_OF_PAGE = 500;
export const MOST_OF_FILE = 10_000;

export class Trail {
  readonly page = new Resource<Page>((signal) => this.#get({ limit: PAGE }, signal));
  filter = $state.raw<Filter>({});
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

  show(filter: Filter): void {
    if (toQuery(filter) !== toQuery(this.filter)) {
      this.page.clear();
    }
    this.filter = filter;
    void this.page.load();
  }

  async loadMore(): Promise<void> {
    const before = this.page.value;
    if (!before?.continue || this.more || this.page.loading) {
      return;
    }
    this.more = true;
    try {
      const next = await this.#get({ limit: PAGE, continue: before.continue });
      if (this.page.value === before) {
        this.page.value = { ...next, items: [...before.items, ...next.items] };
      }
    } catch {
      await this.page.load();
    } finally {
      this.more = false;
    }
  }

  /** The newest matching lines, up to a maximum. Throws `ApiProblem`. */
  async whole(): Promise<Entry[]> {
    const items: Entry[] = [];
    let next: string | undefined;
    do {
      const page = await this.#get({ limit: MOST_OF_PAGE, continue: next });
      items.push(...page.items);
      next = page.continue ?? undefined;
    } while (next !== undefined && items.length < MOST_OF_FILE);
    return items.slice(0, MOST_OF_FILE);
  }

  #get(part: { limit: number; continue?: string }, signal?: AbortSignal): Promise<Page> {
    const query = { ...parametersOf(this.filter), ...part };
    return ask(() => api.GET('/audit', { params: { query }, signal }), signal);
  }
}

/** Key of a line in lists: the operation id; a sign-in has only its time and its call. */
export function idOf({ operation_id, request_id, time, user, verb }: Entry): string {
  return operation_id ?? `${time} ${request_id ?? user} ${verb}`;
}
