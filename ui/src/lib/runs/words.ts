// Runs in words.

import { verbs } from '$lib/mutations/verbs';

import type { Run } from './states';

/** What it does, such as `Restart`. */
export function actionOf({ spec }: Pick<Run, 'spec'>): string {
  return verbs.find(({ name }) => name === spec.action)?.label ?? spec.action;
}

/** The run as a title, such as `Restart 412 deployments`. */
export function titleOf(run: Pick<Run, 'spec' | 'targets'>): string {
  return `${actionOf(run)} ${run.targets.toLocaleString()} ${run.targets === 1 ? 'deployment' : 'deployments'}`;
}
