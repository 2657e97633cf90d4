import { expect, it } from 'vitest';

import { ago, duration, exact } from './age';

it.each([
  [0, '0 s'],
  [-4, '0 s'],
  [59.9, '59 s'],
  [60, '1 min'],
  [3_599, '59 min'],
  [7_200, '2 h'],
  [86_400 * 3 + 5, '3 d'],
])('%d seconds are %s', (seconds, expected) => {
  expect(duration(seconds)).toBe(expected);
});

it('says how long ago something was, also with a clock that is behind', () => {
  expect(ago(0, 5_000)).toBe('5 s ago');
  expect(ago(9_000, 5_000)).toBe('now');
});

it('gives the exact time in UTC too, and an invalid time unchanged', () => {
  expect(exact('2026-11-24T10:00:00Z')).toContain('2026-11-24T10:00:00Z');
  expect(exact('yesterday')).toBe('yesterday');
});
