// Restarts that were ordered on this page, each followed to the end of its rollout. No more than a few run at a time, so that
// restarting many is no storm; what is closed on the screen is still followed.

import { api, ApiProblem, ask, change, type Schemas } from '$lib/api';
import { Stream, type StreamProblem } from '$lib/live/stream';

export interface Target {
  cluster: string;
  namespace: string;
  deployment_name: string;
}

type RolloutState = Schemas['RolloutState'];
export type RestartState = 'waiting' | 'stopped' | 'refused' | 'not_sent' | 'outcome_unknown' | RolloutState;

/** So many may be restarted with one confirmation. */
export const MOST = 20;

const AT_ONCE = 3;
/** Milliseconds, while the tab is hidden. */
const READ_EVERY = 5_000;
const FAILED: RestartState[] = ['refused', 'not_sent', 'outcome_unknown', 'failed'];
const ENDED: RestartState[] = ['stopped', 'complete', ...FAILED];

export class Restart {
  state = $state<RestartState>('waiting');
  rollout = $state.raw<Schemas['Rollout']>();
  problem = $state.raw<ApiProblem>();
  /** Why nothing is heard of the rollout at present. */
  silence = $state.raw<StreamProblem>();
  operationId = $state<string>();
  readonly ended = $derived(ENDED.includes(this.state));
  readonly failed = $derived(FAILED.includes(this.state));

  constructor(readonly target: Target) {}

  async run(): Promise<void> {
    this.state = 'progressing';
    try {
      const done = await change(() => api.POST('/restart', { body: this.target }));
      this.operationId = done.operation_id;
      await this.#follow(done.restarted_at ? Date.parse(done.restarted_at) : 0);
    } catch (error) {
      this.problem = ApiProblem.thrown(error);
      this.operationId = this.problem?.operationId;
      this.state = this.#without(this.problem?.code);
    }
  }

  /** How it stands without an answer that it was ordered. */
  #without(code: string | undefined): RestartState {
    if (code === 'outcome_unknown' || code === 'not_sent') return code;
    return code === 'no_answer' || code === 'unreachable' ? 'outcome_unknown' : 'refused';
  }

  /** Until the rollout ends. What is said of one before `since` does not count. */
  async #follow(since: number): Promise<void> {
    const { cluster, namespace, deployment_name } = this.target;
    const path = { cluster, namespace, deployment_name };
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const stream = new Stream(`/rollouts/${cluster}/${namespace}/${deployment_name}/watch`, {
      on: { rollout: (rollout: Schemas['Rollout']) => this.#take(rollout, since) },
      onproblem: (problem) => (this.silence = problem),
      onstate: (state) => state === 'ended' && resolve(),
      ends: () => this.ended,
    });
    // A hidden tab has no stream, and those that wait go on all the same.
    const read = async () => {
      const rollout = await ask(() =>
        api.GET('/rollouts/{cluster}/{namespace}/{deployment_name}', { params: { path } }),
      );
      this.#take(rollout, since);
      if (this.ended) resolve();
    };
    const timer = setInterval(() => document.hidden && read().catch(() => {}), READ_EVERY);
    await ended;
    clearInterval(timer);
    stream.close();
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
  readonly waiting = $derived(this.all.filter(({ state }) => state === 'waiting'));
  readonly failed = $derived(this.all.filter(({ failed }) => failed));
  /** Whether some were left alone because another one failed. */
  stoppedByFailure = $state(false);
  #onconfirm: (() => void) | undefined;

  /** Asks whether to restart these, of which there are at most `MOST`. */
  propose(targets: Target[], onconfirm?: () => void): void {
    if (targets.length > 0 && targets.length <= MOST) {
      this.#onconfirm = onconfirm;
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
    this.stoppedByFailure = false;
    this.#onconfirm?.();
    this.#onconfirm = undefined;
    Array.from({ length: AT_ONCE }, () => this.#work());
  }

  /** Leaves those alone that have not begun. */
  stop(): void {
    this.waiting.forEach((restart) => (restart.state = 'stopped'));
  }

  close(): void {
    this.open = false;
    this.proposed = [];
  }

  async #work(): Promise<void> {
    for (;;) {
      const next = this.waiting[0];
      if (next === undefined || this.running.filter(({ state }) => state !== 'waiting').length >= AT_ONCE) {
        return;
      }
      await next.run();
      if (next.failed && this.waiting.length > 0) {
        this.stoppedByFailure = true;
        this.stop();
      }
    }
  }
}

export const restarts = new Restarts();
