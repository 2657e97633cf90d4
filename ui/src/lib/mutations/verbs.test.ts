import { expect, it } from 'vitest';

import { verbs } from './verbs';

const of = (kind: (typeof verbs)[number]['kinds'][number]) =>
  verbs.filter(({ kinds }) => kinds.includes(kind)).map(({ name }) => name);

it('are those that the API has for a kind', () => {
  expect(of('Deployment')).toEqual(['restart', 'scale', 'image', 'undo', 'pause', 'resume']);
  expect(of('StatefulSet')).toEqual(['restart', 'scale', 'image', 'undo']);
  expect(of('DaemonSet')).toEqual(['restart', 'image', 'undo']);
});
