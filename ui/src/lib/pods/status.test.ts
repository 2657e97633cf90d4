import { expect, it } from 'vitest';

import { readyCount, stateOf } from './status';

it.each([
  ['Running', true, 'healthy'],
  ['Running', false, 'progressing'],
  ['Pending', false, 'progressing'],
  ['Init:0/2', false, 'progressing'],
  ['Init:CrashLoopBackOff', false, 'failed'],
  ['ImagePullBackOff', false, 'failed'],
  ['OOMKilled', false, 'failed'],
  ['Terminating', true, 'terminating'],
  ['Completed', false, 'stopped'],
  ['Unknown', false, 'unknown'],
])('%s, ready %s, is %s', (status, ready, expected) => {
  expect(stateOf({ status, ready })).toBe(expected);
});

it('counts the containers that are ready', () => {
  const container = { container: 'app', image: 'x', restarts: 0, state: 'running' };
  const containers = [
    { ...container, ready: true },
    { ...container, ready: false },
  ];
  expect(readyCount({ containers })).toBe('1/2');
});
