import { expect, it } from 'vitest';

import { fits, progress, type Act, type Run } from './states';

const acts: Act[] = ['pause', 'resume', 'abort', 'approve', 'retry'];
const possible = (run: Pick<Run, 'state' | 'desired' | 'counts'>) => acts.filter((act) => fits(act, run));

it.each([
  ['running', 'run', {}, ['pause', 'abort']],
  ['pausing', 'pause', {}, ['resume', 'abort']],
  ['paused', 'pause', { failed: 1 }, ['resume', 'abort', 'retry']],
  ['pending_approval', 'run', {}, ['pause', 'abort', 'approve']],
  ['aborting', 'abort', {}, []],
  ['succeeded', 'run', { succeeded: 3 }, []],
  ['failed', 'run', { unknown: 1 }, ['retry']],
] as const)('a run that is %s can be changed by what fits', (state, desired, counts, expected) => {
  expect(possible({ state, desired, counts: { ...counts } })).toEqual(expected);
});

it('counts what is done, and what of it has failed', () => {
  const counts = { succeeded: 1_000, failed: 2, unknown: 1, skipped: 4, progressing: 7, pending: 5 };
  expect(progress({ counts, targets: 1_019 })).toBe('1,003 of 1,019 done, 3 failed, 4 not begun');
});
