import { expect, it } from 'vitest';

import { ahead, instantOf, zoneAt } from './times';

it('reads a local time, and nothing from an empty field', () => {
  expect(instantOf('2026-03-01T10:30')).toBe(new Date(2026, 2, 1, 10, 30).toISOString());
  expect(instantOf('')).toBeUndefined();
  expect(instantOf('2026-13')).toBeUndefined();
});

it('names the zone with its offset at that time', () => {
  expect(zoneAt(new Date('2026-07-01T00:00:00Z'))).toMatch(/UTC/);
});

it('says how far ahead a time is', () => {
  expect(ahead(180_500, 0)).toBe('in 3 min');
  expect(ahead(0, 1)).toBe('now');
});
