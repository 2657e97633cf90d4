import { expect, it } from 'vitest';

import { shortImage } from './columns';

it.each([
  ['nginx', 'nginx'],
  ['registry.example:5000/shop/cart:1.4', 'cart:1.4'],
  ['shop/cart:1.4@sha256:0123456789abcdef', 'cart:1.4'],
  ['shop/cart@sha256:0123456789abcdef', 'cart@01234567'],
])('%s is known as %s', (image, expected) => {
  expect(shortImage(image)).toBe(expected);
});
