import { expect, it } from 'vitest';

import type { Run } from './states';
import { percent, progressAt, titleOf } from './words';

const run = (action: string, targets: number) => ({ spec: { action }, targets }) as Run;

it('names what a run does', () => {
  expect(titleOf(run('restart', 412))).toBe('Restart 412 workloads');
  expect(titleOf(run('image', 1))).toBe('Change images of 1 workload');
  expect(titleOf(run('rollback', 2))).toBe('rollback 2 workloads');
});

it('is at 100 % only when nothing is left', () => {
  expect(percent({ succeeded: 199, pending: 1 }, 200)).toBe(99);
  expect(percent({ succeeded: 150, failed: 20, cancelled: 30 }, 200)).toBe(100);
});

it('says when a scheduled run starts instead of how far it is', () => {
  const scheduled = { state: 'scheduled', counts: {}, targets: 2, spec: { not_before: '2026-03-01T10:03:00Z' } } as Run;
  const now = Date.parse('2026-03-01T10:00:00Z');
  expect(progressAt(scheduled, now)).toBe('starts in 3 min');
  expect(progressAt({ ...scheduled, state: 'running' }, now)).toBe('0 of 2 done, 0 failed');
});
