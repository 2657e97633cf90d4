// The plan of a run while its dialog is open: previewed again whenever something is changed, and started as it was previewed.

import { api, ApiProblem, ask, change, type Schemas } from '$lib/api';
import { Resource } from '$lib/list/resource.svelte';
import type { Verb } from '$lib/mutations/verbs';

import { parametersOf, type Parameters } from './parameters';
import type { Selector } from './selector';
import { isRest, type StageRow } from './stages';
import { presets, strategyOf, type Form } from './strategy';
import { instantOf } from './times';

type Preview = Schemas['RunPreview'];
type Run = Schemas['RunView'];

/** Milliseconds after the last change. */
const AFTER = 300;

export class Plan {
  form = $state<Form>({ ...presets[0]!.form });
  stages = $state<StageRow[]>([]);
  parameters = $state<Parameters>({ replicas: undefined, images: [{ container: '', image: '' }] });
  /** Local times as in their fields. */
  notBefore = $state('');
  expiresAt = $state('');
  reason = $state('');
  /** What was typed to confirm a run with protected targets. */
  confirm = $state('');
  readonly preview = new Resource<Preview>((signal) => this.#read(signal));
  /** Whether the preview is that of what is filled in now. */
  isCurrent = $state(false);
  isSending = false;
  /** Whether the workloads were others than in the preview when it was to be started. */
  hasChanged = $state(false);
  /** Why it was not started. */
  refusal = $state.raw<ApiProblem>();
  /** What has to be filled in before anything can be previewed. */
  readonly missing = $derived(this.#missing());
  /** What is sent, without what only confirms it. */
  readonly body = $derived(this.#body());
  /** Whether it can be started as it is filled in. */
  readonly ready = $derived(this.isCurrent && this.#isConfirmed());
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
    if (this.missing !== undefined) {
      this.preview.problem = undefined;
      return;
    }
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
    if (!this.ready || this.isSending || hash === undefined) {
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
    const preview = await ask(() => api.POST('/runs', { body: { ...this.body, dry_run: true }, signal }), signal);
    return preview as Preview;
  }

  #isConfirmed(): boolean {
    const preview = this.preview.value;
    return preview !== undefined && (preview.confirm ?? '') === this.confirm.trim();
  }

  #confirmed(plan_hash: string) {
    const confirm = this.preview.value?.confirm;
    return { ...this.body, plan_hash, ...(confirm && { confirm }) };
  }

  #missing(): string | undefined {
    const { verb, stages } = this;
    if (parametersOf(verb, this.parameters) === undefined) {
      return verb.asksFor === 'replicas' ? 'Fill in the number of replicas' : 'Fill in the container and its image';
    }
    const open = stages.slice(0, -1).find(isRest);
    return open && `Fill in the clusters of ${open.name.trim() || 'the stage'}: only the last stage is for all others`;
  }

  #body() {
    const reason = this.reason.trim();
    const parameters = parametersOf(this.verb, this.parameters);
    return {
      action: this.verb.name,
      targets: this.selector as Schemas['TargetSelector'],
      strategy: strategyOf(this.form, this.stages),
      not_before: instantOf(this.notBefore),
      expires_at: instantOf(this.expiresAt),
      ...(this.verb.asksFor && { parameters: parameters as Record<string, never> }),
      ...(reason && { reason }),
    };
  }
}
