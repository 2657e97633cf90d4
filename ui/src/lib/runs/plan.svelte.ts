// The plan of a run while its dialog is open: previewed again whenever something is changed, and started as it was previewed.

import { api, ApiProblem, ask, change, type Schemas } from '$lib/api';
import { Resource } from '$lib/list/resource.svelte';
import type { Verb } from '$lib/mutations/verbs';

import type { Selector } from './selector';
import { presets, strategyOf, type Form } from './strategy';

type Preview = Schemas['RunPreview'];
type Run = Schemas['RunView'];

/** Milliseconds after the last change. */
const AFTER = 300;

export class Plan {
  form = $state<Form>({ ...presets[0]!.form });
  reason = $state('');
  /** What was typed to confirm a run with protected targets. */
  confirm = $state('');
  readonly preview = new Resource<Preview>((signal) => this.#read(signal));
  /** Whether the preview is that of what is filled in now. */
  isCurrent = $state(false);
  isSending = $state(false);
  /** Whether the workloads were others than in the preview when it was to be started. */
  hasChanged = $state(false);
  /** Why it was not started. */
  refusal = $state.raw<ApiProblem>();
  readonly ready = $derived(this.isCurrent && !this.isSending && this.#isConfirmed());
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Increases with each change: a preview that was requested before it is not that of what is filled in now. */
  #version = 0;

  constructor(
    readonly verb: Verb,
    readonly selector: Selector,
  ) {}

  /** Previews it, soon if it was previewed before: somebody may be typing. */
  changed(): void {
    const isFirst = this.preview.askedAt === 0;
    this.isCurrent = false;
    this.#version += 1;
    this.refusal = undefined;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.look(), isFirst ? 0 : AFTER);
  }

  async look(): Promise<void> {
    this.isCurrent = false;
    const version = this.#version;
    await this.preview.load();
    this.isCurrent = version === this.#version && !this.preview.loading && this.preview.problem === undefined;
  }

  /** Starts what was previewed; `undefined` if it was refused. */
  async start(): Promise<Run | undefined> {
    const hash = this.preview.value?.plan_hash;
    if (!this.ready || hash === undefined) {
      return undefined;
    }
    this.isSending = true;
    this.refusal = undefined;
    try {
      const started = await change(() => api.POST('/runs', { body: this.#confirmed(hash) }));
      return 'run_id' in started ? started : undefined;
    } catch (error) {
      this.refusal = ApiProblem.thrown(error);
      this.hasChanged = this.refusal?.code === 'plan_changed';
      if (this.hasChanged) await this.look();
      return undefined;
    } finally {
      this.isSending = false;
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    this.preview.clear();
  }

  async #read(signal: AbortSignal): Promise<Preview> {
    const preview = await ask(() => api.POST('/runs', { body: { ...this.#body(), dry_run: true }, signal }), signal);
    return preview as Preview;
  }

  #isConfirmed(): boolean {
    const preview = this.preview.value;
    return preview !== undefined && (preview.confirm ?? '') === this.confirm.trim();
  }

  #confirmed(plan_hash: string) {
    const confirm = this.preview.value?.confirm;
    return { ...this.#body(), plan_hash, ...(confirm && { confirm }) };
  }

  #body() {
    const reason = this.reason.trim();
    return {
      action: this.verb.name,
      targets: this.selector as Schemas['TargetSelector'],
      strategy: strategyOf(this.form),
      ...(reason && { reason }),
    };
  }
}
