import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { Typing } from './typing.svelte';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('updates the URL when typing pauses, and then reads from it', async () => {
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

it('retains typed text while the URL changes', async () => {
  const typing: Typing = new Typing(() => Promise.resolve(typing.type('cart')));
  typing.type('ca');
  await vi.advanceTimersByTimeAsync(300);
  expect(typing.text).toBe('cart');
});

it('replaces the typed text, which does not come back', async () => {
  const put = vi.fn(() => Promise.resolve());
  const typing = new Typing(put);
  typing.type('ca');
  void typing.put('ca health:failed');
  expect(typing.text).toBe('ca health:failed');
  await vi.advanceTimersByTimeAsync(1_000);
  expect(put.mock.calls).toEqual([['ca health:failed']]);
  expect(typing.text).toBeUndefined();
});

it('does not wait for a pause when typing has ended', () => {
  const put = vi.fn(() => Promise.resolve());
  const typing = new Typing(put);
  typing.finish();
  expect(put).not.toHaveBeenCalled();
  typing.type('ca');
  typing.finish();
  expect(put.mock.calls).toEqual([['ca']]);
});

it('does not update a URL that was left', async () => {
  const put = vi.fn(() => Promise.resolve());
  const typing = new Typing(put);
  typing.type('c');
  typing.stop();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(put).not.toHaveBeenCalled();
  expect(typing.text).toBeUndefined();
});
