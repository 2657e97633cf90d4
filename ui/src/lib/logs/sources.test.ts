import { expect, it } from 'vitest';

import { COLOURS, Sources } from './sources';

it('gives each container a colour, and the same one again', () => {
  const sources = new Sources('cart');
  const colours = Array.from(
    { length: COLOURS + 1 },
    (_, pod) => sources.of({ pod: `cart-1-${pod}`, container: 'app' }).colour,
  );
  expect(new Set(colours.slice(0, COLOURS)).size).toBe(COLOURS);
  expect(colours.at(-1)).toBe(0);
  expect(sources.of({ pod: 'cart-1-3', container: 'app' }).colour).toBe(colours[3]);
});

it('names a pod by its end, and the container where that is needed', () => {
  const sources = new Sources('cart');
  const app = sources.of({ pod: 'cart-6d4cf-x7k2p', container: 'app' });
  expect(sources.label(app)).toBe('x7k2p');
  sources.of({ pod: 'cart-6d4cf-x7k2p', container: 'proxy' });
  expect(sources.label(app)).toBe('x7k2p/app');
  expect(sources.label(sources.of({ pod: 'mail-0', container: 'app' }))).toBe('mail-0');
});

it('remembers a bounded number of them', () => {
  const sources = new Sources('cart');
  for (let pod = 0; pod < 3_000; pod += 1) sources.of({ pod: `cart-${pod}`, container: 'app' });
  expect(sources.all.length).toBe(1_000);
});
