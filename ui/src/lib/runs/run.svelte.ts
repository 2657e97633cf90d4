// One run and its targets: loaded, then followed by its event stream until it ends. After a retry it is followed again.

import { api, ApiProblem, ask, change } from '$lib/api';
import { Resource } from '$lib/list/resource.svelte';
import { Batch } from '$lib/live/batch';
import { Stream, type StreamProblem } from '$lib/live/stream';

import { counted } from './grouping';
import { failures, hasEnded, type Act, type Run, type Target } from './states';

const PAGE = 1_000;
/** Milliseconds. */
const DRAWN_EVERY = 100;
/** Events of a batch: more than a run has targets. */
const BOUND = 20_000;

export class RunModel {
  readonly run = new Resource<Run>((signal) => this.#readRun(signal));
  /** In the order in which they are begun. */
  readonly targets = new Resource<Target[]>((signal) => this.#readTargets(signal));
  /** By state; those of the run are only brought up to date now and then. */
  readonly counts = $derived(this.targets.value ? counted(this.targets.value) : (this.run.value?.counts ?? {}));
  /** Why no events arrive at present. */
  silence = $state.raw<StreamProblem>();
  /** The act that is being sent. */
  acting = $state<Act>();
  /** Why an act was refused. */
  refusal = $state.raw<ApiProblem>();
  #stream: Stream | undefined;
  #closed = false;
  #changes = new Batch<Target>(
    DRAWN_EVERY,
    BOUND,
    (changes) => this.#apply(changes),
    () => void this.targets.load(),
  );

  constructor(readonly id: string) {}

  async look(): Promise<void> {
    // The stream begins with all that was begun, so that targets are loaded once.
    await Promise.all([this.run.load(), this.targets.value === undefined && this.targets.load()]);
    const { value, problem } = this.run;
    if (value && !problem && !hasEnded(value) && !this.#closed) {
      this.#stream ??= this.#follow();
    }
  }

  close(): void {
    this.#closed = true;
    this.#stop();
    this.#changes.clear();
    this.run.clear();
    this.targets.clear();
  }

  /** Does something with the run as it is shown: if it is another by now, that is said, and it is shown as it is. */
  async act(act: Act, revision: number): Promise<void> {
    this.acting = act;
    this.refusal = undefined;
    try {
      const params = { path: { run_id: this.id } };
      const body = { revision };
      this.run.value = await change(() =>
        act === 'retry'
          ? api.POST('/runs/{run_id}/retry', { params, body: { ...body, states: failures } })
          : api.POST(`/runs/{run_id}/${act}`, { params, body }),
      );
    } catch (error) {
      this.refusal = ApiProblem.thrown(error);
    }
    this.acting = undefined;
    await this.look();
  }

  #follow(): Stream {
    return new Stream(`/runs/${this.id}/watch`, {
      on: {
        run: (run: Run) => this.#take(run),
        target: (target: Target) => this.#changes.add(target),
      },
      onproblem: (problem) => (this.silence = problem),
      ends: (event, data) => event === 'run' && hasEnded(data as Run),
      onstate: (state) => {
        if (state === 'live') this.silence = undefined;
        if (state === 'ended') this.#ended();
      },
    });
  }

  #take(run: Run): void {
    this.silence = undefined;
    // The stream begins with the run as it was, maybe before an act of this page.
    if (run.revision < (this.run.value?.revision ?? 0)) return;
    this.run.value = run;
    this.run.readAt = Date.now();
    this.run.problem = undefined;
  }

  /** The last changes of targets may have come after the end of the run. */
  #ended(): void {
    this.#stop();
    void this.targets.load();
  }

  #stop(): void {
    this.#stream?.close();
    this.#stream = undefined;
  }

  #apply(changes: Target[]): void {
    const targets = this.targets.value?.slice();
    if (!targets) return;
    changes.forEach((target) => (targets[target.number] = target));
    this.targets.value = targets;
  }

  #readRun(signal: AbortSignal): Promise<Run> {
    return ask(() => api.GET('/runs/{run_id}', { params: { path: { run_id: this.id } }, signal }), signal);
  }

  async #readTargets(signal: AbortSignal): Promise<Target[]> {
    const items: Target[] = [];
    let next: number | undefined;
    do {
      const query = { limit: PAGE, continue: next };
      const params = { path: { run_id: this.id }, query };
      const page = await ask(() => api.GET('/runs/{run_id}/targets', { params, signal }), signal);
      items.push(...page.items);
      next = page.continue ?? undefined;
    } while (next !== undefined);
    return items;
  }
}
