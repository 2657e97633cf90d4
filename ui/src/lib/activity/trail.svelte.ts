// The activity that matches a filter, newest first.

import { api, ask, type Schemas } from '$lib/api';
import { Pages, type PageQuery } from '$lib/list/pages.svelte';

import { parametersOf, toQuery, type Filter } from './filter';

type Page = Schemas['AuditPage'];
export type Entry = Schemas['Entry'];

/** Refresh interval in milliseconds. */
const READ_EVERY = 5_000;
/** Maximum number of lines of an API page, and of a file. */
const MOST_OF_PAGE = 500;
export const MOST_OF_FILE = 10_000;

export class Trail extends Pages<Page> {
  filter = $state.raw<Filter>({});

  constructor() {
    super((part, signal) => this.#get(part, signal), READ_EVERY);
  }

  show(filter: Filter): void {
    if (toQuery(filter) !== toQuery(this.filter)) {
      this.page.clear();
    }
    this.filter = filter;
    void this.page.load();
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

  #get(part: PageQuery, signal?: AbortSignal): Promise<Page> {
    const query = { ...parametersOf(this.filter), ...part };
    return ask(() => api.GET('/audit', { params: { query }, signal }), signal);
  }
}

/** Key of a line in lists: the operation id; a sign-in has only its time and its call. */
export function idOf({ operation_id, request_id, time, user, verb }: Entry): string {
  return operation_id ?? `${time} ${request_id ?? user} ${verb}`;
}
