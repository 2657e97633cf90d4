// Changes requested on this page, each followed to completion. Only a few run at a time, so that many do not overload a cluster; closing
// the dialog does not stop following.

import { api, ApiProblem, ask, change, type Schemas } from '$lib/api';
import { Stream, type StreamProblem } from '$lib/live/stream';
import { pathOf, type WorkloadRef } from '$lib/workload/ref';

import { send } from './send';
import type { Candidate, Input, Verb } from './verbs';

export type MutationState =
  'waiting' | 'stopped' | 'refused' | 'not_sent' | 'outcome_unknown' | 'succeeded' | Schemas['RolloutState'];

/** Maximum number of changes per confirmation. */
export const MOST = 20;

const AT_ONCE = 3;
/** Poll interval in milliseconds while the tab is hidden. */
const READ_EVERY = 5_000;
const FAILED: MutationState[] = ['refused', 'not_sent', 'outcome_unknown', 'failed'];
const ENDED: MutationState[] = ['stopped', 'succeeded', 'complete', ...FAILED];

export class Mutation {
  state = $state<MutationState>('waiting');
  rollout = $state.raw<Schemas['Rollout']>();
  problem = $state.raw<ApiProblem>();
  /** Why no rollout updates arrive at present. */
  silence = $state.raw<StreamProblem>();
  operationId = $state<string>();
  readonly ended = $derived(ENDED.includes(this.state));
  readonly failed = $derived(FAILED.includes(this.state));
  readonly target: WorkloadRef;

  constructor(
    readonly verb: Verb,
    private readonly candidate: Candidate,
    private readonly input: Input,
  ) {
    this.target = candidate.target;
  }

  async run(): Promise<void> {
    this.state = 'progressing';
    try {
      const done = await change(() => send(this.verb, this.candidate, this.input));
      this.operationId = done.operation_id;
      const since = 'restarted_at' in done && done.restarted_at ? Date.parse(done.restarted_at) : undefined;
      const waits = this.verb.waitsWhilePaused && this.candidate.workload.paused;
      if (this.verb.beginsRollout && !waits) await this.#follow(since);
      else this.state = 'succeeded';
    } catch (error) {
      this.problem = ApiProblem.thrown(error);
      this.operationId = this.problem?.operationId;
      this.state = this.#without(this.problem?.code);
    }
  }

  /** The state if there is no confirmation that it was carried out. */
  #without(code: string | undefined): MutationState {
    if (code === 'outcome_unknown' || code === 'not_sent') return code;
    return code === 'no_answer' || code === 'unreachable' ? 'outcome_unknown' : 'refused';
  }

  /** Follows the rollout to its end. Statuses of a restart before `since` are ignored. */
  async #follow(since: number | undefined): Promise<void> {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const stream = new Stream(`${pathOf(this.target)}/rollout/watch`, {
      on: { rollout: (rollout: Schemas['Rollout']) => this.#take(rollout, since) },
      onproblem: (problem) => (this.silence = problem),
      onstate: (state) => state === 'ended' && resolve(),
      ends: () => this.ended,
    });
    // A hidden tab has no stream, but the queued changes must continue.
    const read = async () => {
      const rollout = await ask(() =>
        api.GET('/workloads/{cluster}/{namespace}/{kind}/{name}/rollout', { params: { path: this.target } }),
      );
      this.#take(rollout, since);
      if (this.ended) resolve();
    };
    const timer = setInterval(() => document.hidden && read().catch(() => {}), READ_EVERY);
    await ended;
    clearInterval(timer);
    stream.close();
  }

  #take(rollout: Schemas['Rollout'], since: number | undefined): void {
    this.rollout = rollout;
    this.silence = undefined;
    if (since === undefined || (rollout.restarted_at && Date.parse(rollout.restarted_at) >= since)) {
      this.state = rollout.state;
    }
  }
}

/** The change to make after confirmation. */
interface Proposal {
  verb: Verb;
  targets: Candidate[];
  /** Workloads that are skipped, and why. */
  leftOut: { target: WorkloadRef; obstacle: string }[];
  onconfirm?: () => void;
}

class Mutations {
  all = $state.raw<Mutation[]>([]);
  open = $state(false);
  proposal = $state.raw<Proposal>();
  readonly running = $derived(this.all.filter(({ ended }) => !ended));
  readonly waiting = $derived(this.all.filter(({ state }) => state === 'waiting'));
  readonly failed = $derived(this.all.filter(({ failed }) => failed));
  /** Whether some were not started because another one failed. */
  stoppedByFailure = $state(false);

  /** Opens the confirmation for a change of these workloads, at most `MOST`. */
  propose(verb: Verb, candidates: Candidate[], onconfirm?: () => void): void {
    const obstacleOf = ({ workload }: Candidate) =>
      verb.asksFor === 'images' && candidates.length > 1
        ? 'Images are changed in one deployment at a time'
        : verb.obstacle(workload);
    const targets = candidates.filter((candidate) => obstacleOf(candidate) === undefined);
    const leftOut = candidates.flatMap((candidate) => {
      const { target } = candidate;
      const obstacle = obstacleOf(candidate);
      return obstacle === undefined ? [] : [{ target, obstacle }];
    });
    if (candidates.length > 0 && targets.length <= MOST) {
      this.proposal = { verb, targets, leftOut, onconfirm };
      this.open = true;
    }
  }

  confirm(input: Input): void {
    if (!this.proposal) return;
    const { verb, targets, onconfirm } = this.proposal;
    this.all = [...this.running, ...targets.map((candidate) => new Mutation(verb, candidate, input))];
    this.proposal = undefined;
    this.stoppedByFailure = false;
    onconfirm?.();
    Array.from({ length: AT_ONCE }, () => this.#work());
  }

  /** Cancels those that have not started. */
  stop(): void {
    this.waiting.forEach((mutation) => (mutation.state = 'stopped'));
  }

  close(): void {
    this.open = false;
    this.proposal = undefined;
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

export const mutations = new Mutations();
