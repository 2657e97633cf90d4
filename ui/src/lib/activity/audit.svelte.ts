// Whether the audit can be written. While it cannot, the server refuses every change and every sign-in; a page learns that from its own
// calls, and polls if it has the right to.

import { api, ApiProblem, askOnce, whenCallsFail } from '$lib/api';
import { session } from '$lib/session/session.svelte';

const LOOK_EVERY = 60_000;
const LOOK_AGAIN_AFTER = 10_000;

class Audit {
  /** Why it could not be written last time. */
  problem = $state.raw<ApiProblem>();

  constructor() {
    whenCallsFail((problem) => {
      if (problem.code === 'audit_unavailable') this.problem = problem;
    });
  }

  /** Runs until the returned function is called. */
  watch(): () => void {
    const timer = setInterval(() => void this.look(), this.problem ? LOOK_AGAIN_AFTER : LOOK_EVERY);
    return () => clearInterval(timer);
  }

  /** A user who may not read it only knows that no call has been refused since. */
  async look(): Promise<void> {
    try {
      if (session.may('audit')) await askOnce(() => api.GET('/audit', { params: { query: { limit: 1 } } }));
      this.problem = undefined;
    } catch (thrown) {
      // The subscriber already has its problem.
      ApiProblem.thrown(thrown);
    }
  }
}

export const audit = new Audit();
