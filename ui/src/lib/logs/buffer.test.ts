import { expect, it } from 'vitest';

import { LogBuffer } from './buffer';
import type { LogText } from './line';

const source = { id: 'web-1/app', pod: 'web-1', container: 'app', colour: 0 };
const line = (at: string, text = at): LogText => ({ kind: 'line', id: 0, at, source, text });
const texts = (buffer: LogBuffer) => buffer.rows.map(({ text }) => text);
const plenty = { lines: 1_000, characters: 1_000_000 };

it('merges the lines of containers that are read in parallel', () => {
  const buffer = new LogBuffer(plenty);
  buffer.add([line('1', 'a1'), line('4', 'a4')]);
  buffer.add([line('2', 'b2'), line('4', 'b4'), line('5', 'b5')]);
  buffer.add([line('3', 'c3')]);
  expect(texts(buffer)).toEqual(['a1', 'b2', 'c3', 'a4', 'b4', 'b5']);
});

it('moves no line across a note', () => {
  const buffer = new LogBuffer(plenty);
  buffer.add([line('5')]);
  buffer.note({ kind: 'note', id: 0, tone: 'warn', text: '3 lines were dropped' });
  buffer.add([line('2'), line('1')]);
  expect(texts(buffer)).toEqual(['5', '3 lines were dropped', '1', '2']);
  expect(buffer.lines).toBe(3);
});

it('holds the newest lines up to a maximum, and counts the others', () => {
  const buffer = new LogBuffer({ lines: 100, characters: 1_000_000 });
  for (let at = 1_000; at < 1_250; at += 10) {
    buffer.add(Array.from({ length: 10 }, (_, index) => line(String(at + index))));
    expect(buffer.rows.length).toBeLessThanOrEqual(100);
  }
  expect(buffer.rows.at(-1)?.text).toBe('1249');
  expect(buffer.gone + buffer.rows.length).toBe(250);
  expect(buffer.lines).toBe(buffer.rows.length);
});

it('holds a maximum number of characters, also of few long lines', () => {
  const buffer = new LogBuffer({ lines: 100, characters: 1_000 });
  buffer.add(Array.from({ length: 9 }, (_, index) => line(String(index), 'x'.repeat(300))));
  expect(texts(buffer).join('').length).toBeLessThanOrEqual(1_000);
  expect(buffer.gone + buffer.rows.length).toBe(9);
});

it('accepts one line that is larger than its bound, and the next ones', () => {
  const buffer = new LogBuffer({ lines: 10, characters: 100 });
  buffer.add([line('1', 'x'.repeat(1_000))]);
  buffer.add([line('2')]);
  expect(texts(buffer)).toEqual(['2']);
});

it('adds to fifty thousand lines quickly', () => {
  const buffer = new LogBuffer({ lines: 50_000, characters: 100_000_000 });
  const started = performance.now();
  for (let at = 100_000; at < 160_000; at += 100) {
    buffer.add(Array.from({ length: 100 }, (_, index) => line(String(at + index))));
  }
  expect(buffer.gone + buffer.rows.length).toBe(60_000);
  // Far above the actual time: it must fail if each line costs a copy of all.
  expect(performance.now() - started).toBeLessThan(3_000);
});
