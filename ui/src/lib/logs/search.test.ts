import { expect, it } from 'vitest';

import type { LogRow } from './line';
import { following, hits, parts } from './search';

const source = { id: 'web-1/app', pod: 'web-1', container: 'app', colour: 0 };
const row = (text: string): LogRow => ({ kind: 'line', id: 0, at: '', source, text });

it('finds lines in either case, no notes, and nothing without a text', () => {
  const rows: LogRow[] = [
    row('An Error'),
    row('fine'),
    { kind: 'note', id: 0, tone: 'warn', text: 'error' },
    row('ERROR'),
  ];
  expect(hits(rows, 'error')).toEqual([0, 3]);
  expect(hits(rows, '')).toEqual([]);
  expect(hits([row('a.b'), row('axb')], '.')).toEqual([0]);
});

it.each([
  ['a Hit and a hit', 'hit', ['a ', '[Hit]', ' and a ', '[hit]']],
  ['aaa', 'aa', ['[aa]', 'a']],
  ['none', 'x', ['none']],
  ['all', 'all', ['[all]']],
  ['<b>', '<', ['[<]', 'b>']],
  ['İstanbul', 's', ['İstanbul']],
])('%s with %s marked', (text, query, expected) => {
  const found = parts(text, query);
  expect(found.map((part) => (part.hit ? `[${part.text}]` : part.text))).toEqual(expected);
  expect(found.map((part) => part.text).join('')).toBe(text);
});

it('goes round at both ends', () => {
  expect(following([2, 5], 2, 1)).toBe(5);
  expect(following([2, 5], 5, 1)).toBe(2);
  expect(following([2, 5], 2, -1)).toBe(5);
  expect(following([2, 5], 4, -1)).toBe(2);
  expect(following([], 4, 1)).toBeUndefined();
});
