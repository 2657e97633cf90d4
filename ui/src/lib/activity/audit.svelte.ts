// Whether the audit can be written. While it cannot, the server refuses every change and every sign-in; a page hears of that from
// its own calls, and looks by itself now and then where it may.

import { api, ApiProblem, askOnce, whenCallsFail } from '$lib/api';
import { session } from '$lib/session/session.svelte';

const LOOK_EVERY = 60_000;
const LOOK_AGAIN_AFTER = 10_000;

class Audit {
  /** Why it was last not to be written. */
  problem = $state.raw<ApiProblem>();

  constructor() {
    whenCallsFail((problem) => {
      if (problem.code === 'audit_unavailable') this.problem = problem;
    });
  }

  /** Until the function that it answers with is called. */
  watch(): () => void {
    const timer = setInterval(() => void this.look(), this.problem ? LOOK_AGAIN_AFTER : LOOK_EVERY);
    return () => clearInterval(timer);
  }

  /** Who may not read it cannot know more than that nothing has been refused since. */
  async look(): Promise<void> {
    try {
      if (session.may('audit')) await askOnce(() => api.GET('/audit', { params: { query: { limit: 1 } } }));
      this.problem = undefined;
    } catch (thrown) {
      // What it is about has been heard already.
      ApiProblem.thrown(thrown);
    }
  }
}

export const audit = new Audit();
