// The states of a log's containers.

import type { Schemas } from '$lib/api';

import { inert } from './line';

export type LogContainer = Schemas['LogContainer'];

/** States that every container passes through. */
const USUAL = ['Running', 'Completed', 'Waiting', 'ContainerCreating', 'PodInitializing'];

/** Whether its log is not what a reader would expect. */
export function isTrouble({ status, problem, gone }: LogContainer): boolean {
  return !gone && (Boolean(problem) || !USUAL.includes(status));
}

/** `CrashLoopBackOff, 17 restarts: the last run is shown`, `ImagePullBackOff: no such image`. */
export function words({ status, restarts, problem, gone }: LogContainer): string {
  if (gone) {
    return 'gone';
  }
  const often = restarts ? `, ${restarts.toLocaleString()} ${restarts === 1 ? 'restart' : 'restarts'}` : '';
  const waits = status.endsWith('BackOff') && !problem;
  const why = problem ? `: ${inert(problem)}` : waits ? ': its last run is shown' : '';
  return `${inert(status)}${often}${why}`;
}
