import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { Batch } from './batch';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function batch(bound: number) {
  const flush = vi.fn<(items: number[]) => void>();
  const overflow = vi.fn<() => void>();
  return { flush, overflow, batch: new Batch<number>(100, bound, flush, overflow) };
}

it('passes on a burst at once, in order', () => {
  const { batch: gathered, flush } = batch(10);
  [1, 2, 3].forEach((item) => gathered.add(item));
  expect(flush).not.toHaveBeenCalled();
  vi.advanceTimersByTime(100);
  expect(flush.mock.calls).toEqual([[[1, 2, 3]]]);
  gathered.add(4);
  vi.advanceTimersByTime(100);
  expect(flush.mock.lastCall).toEqual([[4]]);
});

it('reports an overflow, and passes on nothing of it', () => {
  const { batch: gathered, flush, overflow } = batch(2);
  [1, 2, 3].forEach((item) => gathered.add(item));
  vi.advanceTimersByTime(100);
  expect(flush).not.toHaveBeenCalled();
  expect(overflow).toHaveBeenCalledOnce();
});
