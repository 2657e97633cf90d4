// One change, requested and followed to completion. Loaded with its dialog.

import { ApiProblem, change, type Schemas } from '$lib/api';
import { Stream, type StreamProblem } from '$lib/live/stream';
import { pathOf, type WorkloadRef } from '$lib/workload/ref';

import { send } from './send';
import type { Candidate, Input, Verb } from './verbs';

export type MutationState = 'refused' | 'not_sent' | 'outcome_unknown' | 'succeeded' | Schemas['RolloutState'];

const FAILED: MutationState[] = ['refused', 'not_sent', 'outcome_unknown', 'failed'];
const ENDED: MutationState[] = ['succeeded', 'complete', ...FAILED];

export class Mutation {
  state = $state<MutationState>('progressing');
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
    readonly candidate: Candidate,
    private readonly input: Input,
  ) {
    this.target = candidate.target;
  }

  /** Whether it was refused because the cluster or the namespace is protected. */
  readonly needsConfirmation = $derived(this.problem?.code === 'confirmation_required');

  /** The same once more, confirmed by the cluster's name. */
  confirmed(confirm: string): Mutation {
    return new Mutation(this.verb, this.candidate, { ...this.input, confirm });
  }

  async run(): Promise<void> {
    try {
      const done = await change(() => send(this.verb, this.candidate, this.input));
      this.operationId = done.operation_id;
      const since = 'restarted_at' in done && done.restarted_at ? Date.parse(done.restarted_at) : undefined;
      const waits = this.verb.waitsWhilePaused && this.candidate.workload.paused;
      if (this.verb.beginsRollout && !waits) this.#follow(since);
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

  /** Follows the rollout until it ends, which also ends the stream. Statuses of a restart before `since` are ignored. */
  #follow(since: number | undefined): void {
    new Stream(`${pathOf(this.target)}/rollout/watch`, {
      on: { rollout: (rollout: Schemas['Rollout']) => this.#take(rollout, since) },
      onproblem: (problem) => (this.silence = problem),
      ends: () => this.ended,
    });
  }

  #take(rollout: Schemas['Rollout'], since: number | undefined): void {
    this.rollout = rollout;
    this.silence = undefined;
    if (since === undefined || (rollout.restarted_at && Date.parse(rollout.restarted_at) >= since)) {
      this.state = rollout.state;
    }
  }
}
