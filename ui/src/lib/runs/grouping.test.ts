import { expect, it } from 'vitest';

import { blocks, byReason, byWave, counted } from './grouping';
import type { Target } from './states';

const skipped = (name: string, reason: string) => ({
  cluster: 'a',
  namespace: 'shop',
  deployment_name: name,
  reason,
});

it('counts what is left out by its reason, with the names that are listed', () => {
  const all = [skipped('x', 'it is paused'), skipped('y', 'its cluster is offline'), skipped('z', 'it is paused')];
  const skipped_reasons = [
    { reason: 'it is paused', workloads: 120 },
    { reason: 'its cluster is offline', workloads: 1 },
  ];
  expect(byReason({ skipped: all, skipped_reasons })).toEqual([
    { reason: 'it is paused', workloads: 120, targets: ['a/shop/x', 'a/shop/z'] },
    { reason: 'its cluster is offline', workloads: 1, targets: ['a/shop/y'] },
  ]);
});

it('shows each wave as a block, and merges them if there are many', () => {
  expect(blocks([4, 4, 2], 1, 10)).toEqual([
    { first: 1, last: 1, targets: 4 },
    { first: 2, last: 2, targets: 4 },
    { first: 3, last: 3, targets: 2 },
  ]);
  expect(blocks([1, 2, 3, 4, 5], 0, 2)).toEqual([
    { first: 0, last: 2, targets: 6 },
    { first: 3, last: 4, targets: 9 },
  ]);
  expect(blocks([], 0, 2)).toEqual([]);
});

it('groups targets by their wave', () => {
  const target = (number: number, wave: number): Target => ({
    number,
    wave,
    cluster: 'a',
    namespace: 'shop',
    deployment_name: `d${number}`,
    state: 'pending',
    attempt: 0,
  });
  const before = byWave([target(0, 0), target(1, 1), target(2, 1)]);
  expect(before.map((wave) => wave.map(({ number }) => number))).toEqual([[0], [1, 2]]);
  const changed = before.flat();
  changed[2] = { ...changed[2]!, state: 'failed' };
  const after = byWave(changed, before);
  expect(after[0]).toBe(before[0]);
  expect(after[1]).not.toBe(before[1]);
  expect(counted(changed)).toEqual({ pending: 2, failed: 1 });
});
