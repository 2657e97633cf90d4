import { expect, it } from 'vitest';

import type { LogRow } from './line';
import { following, hits, searchOf } from './search';

const source = { id: 'web-1/app', pod: 'web-1', container: 'app', colour: 0 };
const row = (text: string): LogRow => ({ kind: 'line', id: 0, at: '', source, text });

it('finds lines case-insensitively, no notes, and nothing without a text', () => {
  const rows: LogRow[] = [
    row('An Error'),
    row('fine'),
    { kind: 'note', id: 0, tone: 'warn', text: 'error' },
    row('ERROR'),
  ];
  expect(hits(rows, searchOf('error'))).toEqual([0, 3]);
  expect(hits(rows, searchOf(''))).toEqual([]);
  expect(hits([row('a.b'), row('axb')], searchOf('.'))).toEqual([0]);
});

it.each([
  ['a Hit and a hit', 'hit', ['a ', '[Hit]', ' and a ', '[hit]']],
  ['aaa', 'aa', ['[aa]', 'a']],
  ['none', 'x', ['none']],
  ['all', 'all', ['[all]']],
  ['<b>', '<', ['[<]', 'b>']],
  ['İstanbul', 's', ['İstanbul']],
  ['GET /pay 503 in 12 ms', '/\\d+/', ['GET /pay ', '[503]', ' in ', '[12]', ' ms']],
  ['an Error', '/^AN/', ['[an]', ' Error']],
  ['none', '/x*/', ['none']],
  ['slow payments', 'slow -healthz', ['[slow]', ' payments']],
])('%s with %s marked', (text, query, expected) => {
  const found = searchOf(query).parts(text);
  expect(found.map((part) => (part.hit ? `[${part.text}]` : part.text))).toEqual(expected);
  expect(found.map((part) => part.text).join('')).toBe(text);
});

it('wraps around at both ends', () => {
  expect(following([2, 5], 2, 1)).toBe(5);
  expect(following([2, 5], 5, 1)).toBe(2);
  expect(following([2, 5], 2, -1)).toBe(5);
  expect(following([2, 5], 4, -1)).toBe(2);
  expect(following([], 4, 1)).toBeUndefined();
});

it('excludes lines with a word after a minus, and no others', () => {
  const search = searchOf('slow -HealthZ -/ready');
  expect(['GET /healthz', 'a/ready', 'slow'].map(search.isExcluded)).toEqual([true, true, false]);
  expect(search.finds).toBe(true);
  const alone = searchOf('-healthz');
  expect([alone.finds, alone.excludes]).toEqual([false, true]);
  // A minus within a word is part of it.
  expect(searchOf('user-agent').excludes).toBe(false);
});

it('finds the same line by a regular expression on every call, and reports an invalid one', () => {
  const search = searchOf('/5\\d\\d/');
  expect(['503', '503', '404', '500'].map(search.isHit)).toEqual([true, true, false, true]);
  const wrong = searchOf('/(/');
  expect(wrong.problem).toMatch(/group/i);
  expect(wrong.isHit('(')).toBe(false);
});
