import { expect, it } from 'vitest';

import { presetOf, presets, strategyOf, words } from './strategy';

const [careful, normal, fast] = presets.map(({ form }) => form);

it('knows its presets, and when a field was changed', () => {
  expect(presets.map(({ form }) => presetOf({ ...form }))).toEqual(['Careful', 'Normal', 'Fast']);
  expect(presetOf({ ...careful!, perCluster: 4 })).toBeUndefined();
});

it('sends numbers as numbers, percentages as text, and no canary as none', () => {
  expect(strategyOf({ ...careful!, concurrency: ' 5 ' })).toMatchObject({ max_concurrency: 5, max_failures: 0 });
  expect(strategyOf(fast!)).toMatchObject({ max_concurrency: '100%', canary: null, max_failures: '10%' });
  expect(strategyOf({ ...careful!, concurrency: 'many' }).max_concurrency).toBe('many');
});

it('is said in one line', () => {
  expect(words(strategyOf(careful!))).toBe(
    'a canary of 1, then 10 % at once, 3 per cluster, pauses at the first failure',
  );
  expect(words(strategyOf(normal!))).toContain('pauses at more than 2 % failures');
  expect(words(strategyOf({ ...fast!, failures: '1', onFailures: 'abort' }))).toBe(
    '100 % at once, 50 per cluster, fails at more than 1 failure',
  );
});
