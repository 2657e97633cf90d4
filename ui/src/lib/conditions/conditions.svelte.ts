// What is wrong with the aggregator itself, for users who may read the whole audit: polled while the page is open.

import { api, ApiProblem, askOnce, type Schemas } from '$lib/api';
import { session } from '$lib/session/session.svelte';

export type Condition = Schemas['AggregatorCondition'];
export type ConditionType = Schemas['AggregatorConditionType'];

const LOOK_EVERY = 30_000;

class Conditions {
  items = $state.raw<Condition[]>([]);

  /** Runs until the returned function is called. */
  watch(): () => void {
    void this.look();
    const timer = setInterval(() => void this.look(), LOOK_EVERY);
    return () => clearInterval(timer);
  }

  async look(): Promise<void> {
    // The server decides; this saves a call that it would refuse.
    if (!session.mayEverywhere('audit')) {
      this.items = [];
      return;
    }
    try {
      this.items = (await askOnce(() => api.GET('/conditions'))).items;
    } catch (thrown) {
      // Show the last known conditions until the next poll.
      ApiProblem.thrown(thrown);
    }
  }
}

export const conditions = new Conditions();
