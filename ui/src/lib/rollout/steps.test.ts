import { expect, it } from 'vitest';

import type { Schemas } from '$lib/api';

import { steps } from './steps';

const rollout = (about: Partial<Schemas['Rollout']>): Schemas['Rollout'] => ({
  namespace: 'shop',
  deployment_name: 'cart',
  state: 'progressing',
  message: '',
  replicas: 4,
  total: 4,
  updated: 0,
  ready: 4,
  available: 4,
  generation: 2,
  observed_generation: 2,
  ...about,
});
const states = (about: Partial<Schemas['Rollout']>) => steps(rollout(about)).map(({ state }) => state);

it('begins with nothing updated, though the old pods are ready', () => {
  expect(states({})).toEqual(['now', 'later', 'later']);
  expect(steps(rollout({})).map(({ count }) => count)).toEqual([0, 0, 0]);
});

it('goes on step by step', () => {
  expect(states({ updated: 4, ready: 2, available: 1 })).toEqual(['done', 'now', 'later']);
  expect(states({ updated: 4, ready: 4, available: 1 })).toEqual(['done', 'done', 'now']);
  expect(states({ updated: 4, state: 'complete' })).toEqual(['done', 'done', 'done']);
});

it('is stuck where its pods are', () => {
  const problems = [{ pod: 'cart-1', reason: 'ImagePullBackOff' }];
  expect(states({ updated: 1, ready: 3, available: 3, problems })).toEqual(['hangs', 'hangs', 'later']);
  expect(states({ updated: 2, total: 4, ready: 4, available: 4, state: 'paused' })).toEqual([
    'hangs',
    'later',
    'later',
  ]);
  expect(states({ updated: 4, ready: 1, available: 1, state: 'failed' })).toEqual(['done', 'hangs', 'later']);
});

it('is complete without replicas', () => {
  expect(steps(rollout({ replicas: 0, ready: 0, available: 0 })).map(({ part }) => part)).toEqual([1, 1, 1]);
  expect(states({ replicas: 0, ready: 0, available: 0 })).toEqual(['done', 'done', 'done']);
});
