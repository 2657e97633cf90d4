import { expect, it } from 'vitest';

import { Positions } from './position';

it('identifies duplicates after a disconnect, container by container', () => {
  const positions = new Positions();
  for (const at of ['1', '2', '2']) expect(positions.isNew('a', at)).toBe(true);
  expect(positions.isNew('b', '5')).toBe(true);

  positions.resume();

  const again = ['1', '2', '2', '2', '3'].map((at) => positions.isNew('a', at));
  expect(again).toEqual([false, false, false, true, true]);
  expect(positions.isNew('b', '5')).toBe(false);
  expect(positions.isNew('b', '6')).toBe(true);
  expect(positions.isNew('c', '1')).toBe(true);
});

it('identifies them again after a second disconnect', () => {
  const positions = new Positions();
  positions.isNew('a', '1');
  positions.resume();
  expect(positions.isNew('a', '1')).toBe(false);
  positions.resume();
  expect(positions.isNew('a', '1')).toBe(false);
  expect(positions.isNew('a', '2')).toBe(true);
});

it('accepts late lines of a container, and lines without a time', () => {
  const positions = new Positions();
  expect(['5', '4', ''].map((at) => positions.isNew('a', at))).toEqual([true, true, true]);
});
