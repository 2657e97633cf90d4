import { expect, test } from 'vitest';

import { isTrouble, words, type LogContainer } from './containers';

const container = (of: Partial<LogContainer>): LogContainer => ({
  pod: 'cart-5d4f-x2x9q',
  container: 'cart',
  status: 'Running',
  ...of,
});

test('normal container states are no trouble, and states that prevent output are', () => {
  for (const status of ['Running', 'Completed', 'ContainerCreating', 'PodInitializing', 'Waiting']) {
    expect(isTrouble(container({ status }))).toBe(false);
  }
  expect(isTrouble(container({ status: 'CrashLoopBackOff' }))).toBe(true);
  expect(isTrouble(container({ problem: 'the kubelet is unreachable' }))).toBe(true);
  expect(isTrouble(container({ status: 'Error', gone: true }))).toBe(false);
});

test('the text has the number of restarts, and why there is no output', () => {
  expect(words(container({}))).toBe('Running');
  expect(words(container({ status: 'CrashLoopBackOff', restarts: 17 }))).toBe(
    'CrashLoopBackOff, 17 restarts: its last run is shown',
  );
  expect(words(container({ status: 'ImagePullBackOff', problem: 'no such image' }))).toBe(
    'ImagePullBackOff: no such image',
  );
  expect(words(container({ restarts: 1 }))).toBe('Running, 1 restart');
});
