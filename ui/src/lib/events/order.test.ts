import { expect, it } from 'vitest';

import { isWarning, newestFirst } from './order';

const event = (reason: string, time?: string, type = 'Normal') => ({
  type,
  reason,
  message: '',
  count: 1,
  object: 'Pod/a',
  time,
});

it('sorts newest first, and those without a time last', () => {
  const events = [event('a', '2026-11-24T10:00:00Z'), event('b'), event('c', '2026-11-24T11:00:00Z'), event('d')];
  expect(newestFirst(events).map(({ reason }) => reason)).toEqual(['c', 'a', 'b', 'd']);
});

it('treats every type except Normal as a warning', () => {
  expect([event('a', undefined, 'Warning'), event('b'), event('c', undefined, 'Alert')].map(isWarning)).toEqual([
    true,
    false,
    true,
  ]);
});
