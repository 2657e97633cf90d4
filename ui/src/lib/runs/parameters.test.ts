import { expect, it } from 'vitest';

import { verbs } from '$lib/mutations/verbs';

import { parametersOf, parameterWords } from './parameters';

const verb = (name: string) => verbs.find((verb) => verb.name === name)!;
const none = { replicas: undefined, images: [] };

it('are empty for a change without any', () => {
  expect(parametersOf(verb('restart'), none)).toEqual({});
  expect(parameterWords(undefined)).toBe('');
});

it('are a number of replicas, which may be zero', () => {
  expect(parametersOf(verb('scale'), { ...none, replicas: 0 })).toEqual({ replicas: 0 });
  for (const replicas of [undefined, null, -1, 1.5, 100_001]) {
    expect(parametersOf(verb('scale'), { ...none, replicas })).toBeUndefined();
  }
  expect(parameterWords({ replicas: 3 })).toBe('Replicas: 3');
});

it('are images of containers, all of them whole', () => {
  const images = [{ container: ' app ', image: ' shop/cart:1.5 ' }];
  expect(parametersOf(verb('image'), { ...none, images })).toEqual({
    images: [{ container: 'app', image: 'shop/cart:1.5' }],
  });
  for (const wrong of [[], [{ container: '', image: 'a:1' }], [...images, { container: 'b', image: 'a b' }]]) {
    expect(parametersOf(verb('image'), { ...none, images: wrong })).toBeUndefined();
  }
  expect(parameterWords({ images: [{ container: 'app', image: 'shop/cart:1.5' }] })).toBe('app: shop/cart:1.5');
});
