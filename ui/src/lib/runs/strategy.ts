// How a run goes through its targets: what is filled in, three presets, and what they mean in words.

import type { Schemas } from '$lib/api';

import { stageOf, type StageRow } from './stages';

export type Strategy = Schemas['Strategy'];

/** As in the fields of the dialog. An empty number is absent. */
export interface Form {
  /** A number, or a percentage. */
  concurrency: string;
  perCluster: number | null | undefined;
  /** 0 for none. */
  canary: number | null | undefined;
  approval: boolean;
  /** A number, or a percentage. */
  failures: string;
  onFailures: Schemas['OnMaxFailures'];
  /** Lengths of time such as `10m`. */
  deadline: string;
  settle: string;
  offline: Schemas['OfflinePolicy'];
}

/** The defaults of the API. */
const careful: Form = {
  concurrency: '10%',
  perCluster: 3,
  canary: 1,
  approval: false,
  failures: '0',
  onFailures: 'pause',
  deadline: '10m',
  settle: '10s',
  offline: 'skip',
};

export const presets: { name: string; form: Form }[] = [
  { name: 'Careful', form: careful },
  { name: 'Normal', form: { ...careful, concurrency: '25%', perCluster: 10, failures: '2%' } },
  { name: 'Fast', form: { ...careful, concurrency: '100%', perCluster: 50, canary: 0, failures: '10%' } },
];

/** The preset that is filled in; `undefined` after a change of a field. */
export function presetOf(form: Form): string | undefined {
  const same = (other: Form) => (Object.keys(other) as (keyof Form)[]).every((key) => form[key] === other[key]);
  return presets.find((preset) => same(preset.form))?.name;
}

/** As the API wants it. What is not valid is sent as it is: the response says what is wrong with it. */
export function strategyOf(form: Form, stages: StageRow[] = []): Strategy {
  return {
    max_concurrency: amount(form.concurrency),
    max_concurrency_per_cluster: form.perCluster as number,
    // Absent would be the default, which is one.
    canary: (form.canary ? { count: form.canary, approval: form.approval } : null) as Strategy['canary'],
    max_failures: amount(form.failures),
    on_max_failures: form.onFailures,
    progress_deadline: form.deadline.trim(),
    min_success_time: form.settle.trim(),
    offline: form.offline,
    stages: stages.map(stageOf),
  };
}

function amount(text: string): number | string {
  const trimmed = text.trim();
  return /^\d+$/.test(trimmed) ? Number(trimmed) : trimmed;
}

/** A strategy in one line. */
export function words({
  max_concurrency,
  max_concurrency_per_cluster,
  canary,
  max_failures,
  on_max_failures,
  stages,
}: Strategy) {
  return [
    ...(stages && stages.length > 1 ? [`${stages.length} stages`] : []),
    `${canary ? `a canary of ${canary.count}${canary.approval ? ' and an approval' : ''}, then ` : ''}${spaced(max_concurrency)} at once`,
    `${max_concurrency_per_cluster} per cluster`,
    `${on_max_failures === 'abort' ? 'fails' : 'pauses'} at ${stopAt(max_failures)}`,
  ].join(', ');
}

function stopAt(failures: number | string): string {
  if (failures === 0 || failures === '0%') {
    return 'the first failure';
  }
  return `more than ${spaced(failures)} ${failures === 1 ? 'failure' : 'failures'}`;
}

const spaced = (amount: number | string) => String(amount).replace('%', ' %');
