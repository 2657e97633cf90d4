// Runs in words.

import { phrase, verbs } from '$lib/mutations/verbs';

import { countOf, done, left, progress, type Counts, type Run } from './states';
import { ahead } from './times';

/** A number of them, such as `412 workloads`. */
export const workloads = (count: number): string =>
  `${count.toLocaleString()} ${count === 1 ? 'workload' : 'workloads'}`;

/** The run as a title, such as `Restart 412 workloads`. */
export function titleOf({ spec, targets }: Pick<Run, 'spec' | 'targets'>): string {
  const verb = verbs.find(({ name }) => name === spec.action);
  return verb ? phrase(verb, workloads(targets)) : `${spec.action} ${workloads(targets)}`;
}

/** How much of it has ended, or is not begun any more, in whole percent: 100 only when all is. */
export function percent(counts: Counts, targets: number): number {
  return targets === 0 ? 100 : Math.floor((100 * (countOf(counts, done) + countOf(counts, left))) / targets);
}

/** How far it is, or when it starts. */
export function progressAt(run: Pick<Run, 'state' | 'spec' | 'counts' | 'targets'>, now: number): string {
  const start = run.state === 'scheduled' && run.spec.not_before ? Date.parse(run.spec.not_before) : undefined;
  return start === undefined ? progress(run) : `starts ${ahead(start, now)}`;
}
