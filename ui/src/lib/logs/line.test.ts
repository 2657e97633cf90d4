import { expect, it } from 'vitest';

import { inert, shownTime, sortable } from './line';

it.each([
  ['2026-11-24T20:15:03Z', '2026-11-24T20:15:03.000000000Z'],
  ['2026-11-24T20:15:03.5Z', '2026-11-24T20:15:03.500000000Z'],
  ['2026-11-24T20:15:03.000000001Z', '2026-11-24T20:15:03.000000001Z'],
  ['yesterday', ''],
  [null, ''],
])('the time %s compares as %s', (time, expected) => {
  expect(sortable(time)).toBe(expected);
});

it.each([
  ['plain <b>text</b>\twith a tab', 'plain <b>text</b>\twith a tab'],
  ['\u001b[31mred\u001b[0m', 'red'],
  ['\u001b]8;;https://evil.example\u0007link\u001b]8;;\u0007', 'link'],
  ['\u001b]0;a title that never ends', ''],
  ['bell\u0007 and \r return', 'bell␇ and ␍ return'],
  ['\u009b31m', '‹U+009B›31m'],
  ['gnp.\u202Eexe', 'gnp.‹U+202E›exe'],
  ['emoji 👩‍🚀 stays', 'emoji 👩‍🚀 stays'],
])('%j is shown as %j', (text, expected) => {
  expect(inert(text)).toBe(expected);
});

it('shows a time to the millisecond, in the time zone of the reader or in UTC, and nothing for a missing time', () => {
  const noon = new Date(2026, 10, 24, 12, 5, 9);
  const at = noon.toISOString().replace('.000Z', '.050999999Z');
  expect(shownTime(at, 'local')).toBe('11-24 12:05:09.050');
  expect(shownTime('2026-11-24T20:15:03.500000000Z', 'utc')).toBe('2026-11-24T20:15:03.500Z');
  expect(shownTime(at, 'no')).toBe('');
  expect(shownTime('', 'local')).toBe('');
});
