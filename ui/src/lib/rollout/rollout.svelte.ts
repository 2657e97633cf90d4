// The rollout of one workload: first loaded, which shows why it cannot be read, then followed until it ends. When the workload
// changes later, it is followed again.

import { api, ask, type Schemas } from '$lib/api';
import { Resource } from '$lib/list/resource.svelte';
import { Stream, type StreamProblem } from '$lib/live/stream';
import { pathOf, type WorkloadRef } from '$lib/workload/ref';

export type Rollout = Schemas['Rollout'];

const ENDED: Schemas['RolloutState'][] = ['complete', 'failed'];

export class RolloutModel {
  readonly rollout = new Resource<Rollout>((signal) => this.#read(signal));
  /** Why no updates arrive at present. */
  silence = $state.raw<StreamProblem>();
  #stream: Stream | undefined;
  #closed = false;

  constructor(readonly target: WorkloadRef) {}

  /** Reloads it, and follows it if it is in progress. */
  async look(): Promise<void> {
    if (this.#stream !== undefined) {
      return;
    }
    await this.rollout.load();
    const { value, problem } = this.rollout;
    if (value && !problem && !ENDED.includes(value.state) && !this.#closed) {
      this.#stream ??= this.#follow();
    }
  }

  close(): void {
    this.#closed = true;
    this.#stop();
    this.rollout.clear();
  }

  #read(signal: AbortSignal): Promise<Rollout> {
    return ask(
      () =>
        api.GET('/workloads/{cluster}/{namespace}/{kind}/{name}/rollout', { params: { path: this.target }, signal }),
      signal,
    );
  }

  #follow(): Stream {
    return new Stream(`${pathOf(this.target)}/rollout/watch`, {
      on: { rollout: (rollout: Rollout) => this.#take(rollout) },
      onproblem: (problem) => this.#problem(problem),
      ends: (_, rollout) => ENDED.includes((rollout as Rollout).state),
      onstate: (state) => state === 'ended' && this.#stop(),
    });
  }

  #take(rollout: Rollout): void {
    this.silence = undefined;
    this.rollout.value = rollout;
    this.rollout.readAt = Date.now();
    this.rollout.problem = undefined;
  }

  #problem(problem: StreamProblem): void {
    this.silence = problem;
    if (!problem.retryable && problem.code !== 'unauthenticated') {
      this.#stop();
      void this.rollout.load();
    }
  }

  #stop(): void {
    this.#stream?.close();
    this.#stream = undefined;
  }
}
