import { expect, it } from 'vitest';

import type { Schemas } from '$lib/api';

import { beginsRollout, newestRestarts, outcomeOf } from './outcome';

const entry = (time: string, verb: string, outcome: Schemas['Outcome'] = 'succeeded') => ({
  time,
  verb,
  outcome,
  user: 'ana',
});

it('calls an accepted restart accepted, and anything else by its outcome', () => {
  expect(outcomeOf(entry('', 'restart'))).toBe('accepted');
  expect(outcomeOf(entry('', 'restart', 'failed'))).toBe('failed');
  expect(outcomeOf(entry('', 'enroll'))).toBe('succeeded');
});

it('finds the restart that started the rollout', () => {
  const [newest, older] = [entry('2026-11-24T10:00:05Z', 'restart'), entry('2026-11-24T09:00:00Z', 'restart')];
  const refused = entry('2026-11-24T11:00:00Z', 'restart', 'failed');
  expect(beginsRollout([refused, newest, older], '2026-11-24T10:00:04Z')).toBe(newest);
  // By somebody else, with another tool.
  expect(beginsRollout([newest, older], '2026-11-24T12:00:00Z')).toBeUndefined();
  expect(beginsRollout([newest, older], undefined)).toBeUndefined();
});

it('finds the newest restart of each workload', () => {
  const of = (deployment_name: string, outcome?: Schemas['Outcome']) => ({
    ...entry('2026-11-24T10:00:00Z', 'restart', outcome),
    target: { cluster: 'prod-1', namespace: 'pay', deployment_name },
  });
  const [refused, cart, older, shop] = [of('cart', 'failed'), of('cart'), of('cart'), of('shop')];
  const revoked = { ...cart, verb: 'revoke' };
  expect(newestRestarts([refused, revoked, cart, older, shop])).toEqual([cart, shop]);
});
