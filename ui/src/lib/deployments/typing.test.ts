import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { Typing } from './typing.svelte';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('puts into the address what stands there when the typing pauses, and then reads it from there', async () => {
  const put = vi.fn(() => Promise.resolve());
  const typing = new Typing(put);
  typing.type('c');
  vi.advanceTimersByTime(200);
  typing.type('ca');
  expect(typing.text).toBe('ca');
  await vi.advanceTimersByTimeAsync(299);
  expect(put).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(put.mock.calls).toEqual([['ca']]);
  expect(typing.text).toBeUndefined();
});

it('keeps what is typed while the address changes', async () => {
  const typing: Typing = new Typing(() => Promise.resolve(typing.type('cart')));
  typing.type('ca');
  await vi.advanceTimersByTimeAsync(300);
  expect(typing.text).toBe('cart');
});

it('puts something else in place of what was typed, which does not come back', async () => {
  const put = vi.fn(() => Promise.resolve());
  const typing = new Typing(put);
  typing.type('ca');
  void typing.put('ca health:failed');
  expect(typing.text).toBe('ca health:failed');
  await vi.advanceTimersByTimeAsync(1_000);
  expect(put.mock.calls).toEqual([['ca health:failed']]);
  expect(typing.text).toBeUndefined();
});

it('does not wait for a pause when nothing more is typed', () => {
  const put = vi.fn(() => Promise.resolve());
  const typing = new Typing(put);
  typing.finish();
  expect(put).not.toHaveBeenCalled();
  typing.type('ca');
  typing.finish();
  expect(put.mock.calls).toEqual([['ca']]);
});

it('puts nothing into an address that was left', async () => {
  const put = vi.fn(() => Promise.resolve());
  const typing = new Typing(put);
  typing.type('c');
  typing.stop();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(put).not.toHaveBeenCalled();
  expect(typing.text).toBeUndefined();
});
