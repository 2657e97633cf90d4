import { expect, it } from 'vitest';

import { inWords, placeOf, placesOf } from './places';

it('finds the field of the dialog that a field of the API is, or is a part of', () => {
  const places = placesOf(2);
  for (const field of ['reason', 'strategy.max_failures', 'strategy.stages', 'strategy.stages[1]']) {
    expect(placeOf(field, places)).toBe(field);
  }
  expect(placeOf('strategy.stages[1].clusters[3]', places)).toBe('strategy.stages[1].clusters');
  expect(placeOf('parameters.images[0].image', places)).toBe('parameters');
});

it('finds none for what has no field of its own', () => {
  expect(placeOf('targets', placesOf(2))).toBeUndefined();
  expect(placeOf('reasons', placesOf(0))).toBeUndefined();
  // Its row is gone meanwhile: it is said below all of them.
  expect(placeOf('strategy.stages[2].name', placesOf(2))).toBe('strategy.stages');
});

it('says it in the words of the dialog', () => {
  expect(inWords('not_before: it is not before `expires_at`', 'not_before')).toBe('it is not before the end');
  expect(inWords('reason: too long', 'reason')).toBe('too long');
});
