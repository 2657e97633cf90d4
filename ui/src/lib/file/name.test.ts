import { expect, it } from 'vitest';

import { fileName } from './name';

it('names the file after what is in it and the time', () => {
  expect(fileName('cart', new Date('2026-11-24T20:15:03.123Z'), 'log')).toBe('cart-2026-11-24T201503Z.log');
});
