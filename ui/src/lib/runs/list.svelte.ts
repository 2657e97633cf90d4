// The runs that somebody may see, newest first.

import { api, ask, type Schemas } from '$lib/api';
import { Pages } from '$lib/list/pages.svelte';

/** Refresh interval in milliseconds. */
const READ_EVERY = 3_000;

export class RunList extends Pages<Schemas['RunPage']> {
  active = $state(false);

  constructor() {
    super((part, signal) => {
      const query = { ...part, ...(this.active && { active: true }) };
      return ask(() => api.GET('/runs', { params: { query }, signal }), signal);
    }, READ_EVERY);
  }

  show(active: boolean): void {
    this.active = active;
    this.page.clear();
    void this.page.load();
  }
}
