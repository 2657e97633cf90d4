// The states of runs and targets, as they are shown, and what can be done with a run.

import type { Schemas } from '$lib/api';
import type { StateName } from '$lib/State.svelte';

export type Run = Schemas['RunView'];
export type Target = Schemas['TargetView'];
export type TargetState = Schemas['TargetState'];
export type Act = 'pause' | 'resume' | 'abort' | 'approve' | 'retry';

export type Tone = 'good' | 'busy' | 'warn' | 'bad' | 'idle';

interface Shown {
  tone: Tone;
  /** In a cell of the grid, where there is no room for a word. */
  mark: string;
  state: StateName;
  word: string;
}

/** The worst first, as in the bar. */
export const targetStates: Record<TargetState, Shown> = {
  failed: { tone: 'bad', mark: '×', state: 'failed', word: 'failed' },
  unknown: { tone: 'warn', mark: '?', state: 'outcome_unknown', word: 'unknown' },
  superseded: { tone: 'warn', mark: '»', state: 'superseded', word: 'superseded' },
  succeeded: { tone: 'good', mark: '✓', state: 'succeeded', word: 'succeeded' },
  soaking: { tone: 'busy', mark: '~', state: 'progressing', word: 'soaking' },
  progressing: { tone: 'busy', mark: '…', state: 'progressing', word: 'progressing' },
  starting: { tone: 'busy', mark: '+', state: 'progressing', word: 'starting' },
  waiting: { tone: 'idle', mark: 'w', state: 'waiting', word: 'waiting' },
  pending: { tone: 'idle', mark: '', state: 'waiting', word: 'pending' },
  skipped: { tone: 'idle', mark: '–', state: 'offline', word: 'skipped' },
  cancelled: { tone: 'idle', mark: '/', state: 'offline', word: 'cancelled' },
};

/** What is begun again by a retry. */
export const failures: TargetState[] = ['failed', 'unknown'];

/** What somebody has to look at. */
export const troubled: TargetState[] = ['failed', 'unknown', 'superseded'];

/** What was begun and has ended, and what never begins. */
export const done: TargetState[] = ['failed', 'unknown', 'superseded', 'succeeded'];
export const left: TargetState[] = ['skipped', 'cancelled'];
const endedRuns: Run['state'][] = ['aborted', 'failed', 'succeeded', 'expired'];

export const hasEnded = ({ state }: Pick<Run, 'state'>): boolean => endedRuns.includes(state);

/** Whether it goes on only when somebody does something, or not at all. */
export const needsLook = (run: Pick<Run, 'state'>): boolean =>
  hasEnded(run) || run.state === 'paused' || run.state === 'pending_approval';

export type Counts = Partial<Record<TargetState, number>>;

export const countOf = (counts: Counts, states: TargetState[]): number =>
  states.reduce((sum, state) => sum + (counts[state] ?? 0), 0);

/** How far a run is, in words. */
export function progress({ counts, targets }: Pick<Run, 'counts' | 'targets'>): string {
  const [ended, failed, never] = [done, failures, left].map((states) => countOf(counts, states));
  const rest = never ? `, ${never.toLocaleString()} not begun` : '';
  return `${ended?.toLocaleString()} of ${targets.toLocaleString()} done, ${failed?.toLocaleString()} failed${rest}`;
}

/** Whether an act fits the state of a run. The server decides. */
export function fits(act: Act, run: Pick<Run, 'state' | 'desired' | 'counts'>): boolean {
  const isOver = hasEnded(run);
  switch (act) {
    case 'pause':
      return !isOver && run.desired === 'run';
    case 'resume':
      return !isOver && run.desired === 'pause';
    case 'abort':
      return !isOver && run.desired !== 'abort';
    case 'approve':
      return run.state === 'pending_approval';
    case 'retry':
      return (isOver || run.state === 'paused') && countOf(run.counts, failures) > 0;
  }
}
