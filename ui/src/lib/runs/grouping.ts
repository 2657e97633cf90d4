// What is too long to be listed, grouped.

import type { Schemas } from '$lib/api';
import { idOfRow } from '$lib/workload/ref';

import type { Counts, Target } from './states';

type Preview = Schemas['RunPreview'];

export interface Reason {
  reason: string;
  workloads: number;
  /** Those that the preview lists. */
  targets: string[];
}

/** Why workloads are left out: the most frequent reason first. */
export function byReason({ skipped, skipped_reasons }: Pick<Preview, 'skipped' | 'skipped_reasons'>): Reason[] {
  const listed = (reason: string) => skipped.filter((target) => target.reason === reason).map(idOfRow);
  return skipped_reasons.map(({ reason, workloads }) => ({ reason, workloads, targets: listed(reason) }));
}

/** One or several consecutive waves in a bar. */
export interface Block {
  first: number;
  last: number;
  targets: number;
}

/** The waves of a stage, of which consecutive ones are merged if there are more than `most`. */
export function blocks(sizes: number[], first: number, most: number): Block[] {
  const each = Math.ceil(sizes.length / most);
  const found: Block[] = [];
  for (let at = 0; at < sizes.length; at += each) {
    const part = sizes.slice(at, at + each);
    const targets = part.reduce((sum, size) => sum + size, 0);
    found.push({ first: first + at, last: first + at + part.length - 1, targets });
  }
  return found;
}

/** Targets by their wave. A wave in which nothing has changed is the same as `before`, so that it is not rendered again. */
export function byWave(targets: Target[], before: Target[][] = []): Target[][] {
  const waves: Target[][] = [];
  for (const target of targets) {
    (waves[target.wave] ??= []).push(target);
  }
  return waves.map((wave, number) => {
    const old = before[number];
    return old?.length === wave.length && wave.every((target, at) => target === old[at]) ? old : wave;
  });
}

/** The number of targets by state. */
export function counted(targets: Target[]): Counts {
  const counts: Counts = {};
  for (const { state } of targets) {
    counts[state] = (counts[state] ?? 0) + 1;
  }
  return counts;
}
