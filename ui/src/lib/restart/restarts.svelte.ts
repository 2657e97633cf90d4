// Restarts that were ordered on this page, each followed to the end of its rollout. No more than a few run at a time, so that
// restarting many is no storm; what is closed on the screen is still followed.

import { api, ApiProblem, ask, type Schemas } from '$lib/api';
import { Stream, type StreamProblem } from '$lib/live/stream';

export interface Target {
  cluster: string;
  namespace: string;
  deployment_name: string;
}

type RolloutState = Schemas['RolloutState'];
export type RestartState = 'waiting' | 'stopped' | 'refused' | 'outcome_unknown' | RolloutState;

const AT_ONCE = 3;
const ENDED: RestartState[] = ['stopped', 'refused', 'outcome_unknown', 'complete', 'failed'];

export class Restart {
  state = $state<RestartState>('waiting');
  rollout = $state.raw<Schemas['Rollout']>();
  problem = $state.raw<ApiProblem>();
  /** Why nothing is heard of the rollout at present. */
  silence = $state.raw<StreamProblem>();
  operationId = $state<string>();
  readonly ended = $derived(ENDED.includes(this.state));

  constructor(readonly target: Target) {}

  async run(): Promise<void> {
    this.state = 'progressing';
    try {
      const done = await ask(() => api.POST('/restart', { body: this.target }));
      this.operationId = done.operation_id;
      await this.#follow(Date.parse(done.restarted_at));
    } catch (error) {
      this.problem = ApiProblem.thrown(error);
      this.operationId = this.problem?.operationId;
      this.state = this.problem?.code === 'outcome_unknown' ? 'outcome_unknown' : 'refused';
    }
  }

  /** Until the rollout ends. What is said of an older one does not count. */
  #follow(since: number): Promise<void> {
    const { cluster, namespace, deployment_name } = this.target;
    return new Promise((resolve) => {
      new Stream(`/rollouts/${cluster}/${namespace}/${deployment_name}/watch`, {
        on: { rollout: (rollout: Schemas['Rollout']) => this.#take(rollout, since) },
        onproblem: (problem) => (this.silence = problem),
        onstate: (state) => state === 'ended' && resolve(),
        ends: () => this.ended,
      });
    });
  }

  #take(rollout: Schemas['Rollout'], since: number): void {
    this.rollout = rollout;
    this.silence = undefined;
    if (rollout.restarted_at && Date.parse(rollout.restarted_at) >= since) {
      this.state = rollout.state;
    }
  }
}

class Restarts {
  all = $state.raw<Restart[]>([]);
  open = $state(false);
  /** What is to be restarted once that is confirmed. */
  proposed = $state.raw<Target[]>([]);
  readonly running = $derived(this.all.filter(({ ended }) => !ended));

  propose(targets: Target[]): void {
    if (targets.length > 0) {
      this.proposed = targets.map(({ cluster, namespace, deployment_name }) => ({
        cluster,
        namespace,
        deployment_name,
      }));
      this.open = true;
    }
  }

  confirm(): void {
    this.all = [...this.running, ...this.proposed.map((target) => new Restart(target))];
    this.proposed = [];
    Array.from({ length: AT_ONCE }, () => this.#work());
  }

  /** Leaves those alone that have not begun. */
  stop(): void {
    this.all.filter(({ state }) => state === 'waiting').forEach((restart) => (restart.state = 'stopped'));
  }

  close(): void {
    this.open = false;
    this.proposed = [];
  }

  async #work(): Promise<void> {
    for (;;) {
      const next = this.all.find(({ state }) => state === 'waiting');
      if (next === undefined || this.running.filter(({ state }) => state !== 'waiting').length >= AT_ONCE) {
        return;
      }
      await next.run();
    }
  }
}

export const restarts = new Restarts();
