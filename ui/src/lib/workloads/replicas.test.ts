import { expect, test } from 'vitest';

import { toneOf } from './replicas';

test('a full replica count is not good if the workload is unhealthy', () => {
  expect(toneOf(3, 3, 'healthy')).toBe('full');
  expect(toneOf(3, 3, 'failed')).toBe('bad');
  expect(toneOf(3, 3, 'degraded')).toBe('some');
  expect(toneOf(3, 3, 'progressing')).toBe('busy');
  expect(toneOf(3, 3)).toBe('full');
});

test('fewer are never good', () => {
  expect(toneOf(2, 3, 'healthy')).toBe('some');
  expect(toneOf(0, 3, 'degraded')).toBe('none');
});
