import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { Throttle } from './throttle';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('runs at once, and again for the last of a burst', () => {
  const run = vi.fn();
  const throttle = new Throttle(1_000, run);
  throttle.soon();
  vi.advanceTimersByTime(0);
  expect(run).toHaveBeenCalledTimes(1);
  for (let times = 0; times < 10; times += 1) throttle.soon();
  vi.advanceTimersByTime(999);
  expect(run).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(1);
  expect(run).toHaveBeenCalledTimes(2);
});

it('does not run after it is stopped', () => {
  const run = vi.fn();
  const throttle = new Throttle(1_000, run);
  throttle.soon();
  throttle.stop();
  vi.advanceTimersByTime(5_000);
  expect(run).not.toHaveBeenCalled();
});
