import { expect, it } from 'vitest';

import { fromId } from '$lib/workload/ref';

import { searchOf } from './view';

it('omits default values from the URL', () => {
  expect(searchOf({ q: '', sort: 'health' })).toBe('');
  expect(searchOf({ q: 'ns:pay cart', sort: '-name', open: 'a/b/c' })).toBe(
    '?q=ns%3Apay+cart&sort=-name&open=a%2Fb%2Fc',
  );
  expect(searchOf({ q: '', sort: 'health', group: 'name', expanded: 'a,b' })).toBe('?group=name&expanded=a%2Cb');
  expect(searchOf({ q: '', sort: 'health', group: '', expanded: 'a,b' })).toBe('');
});

it('parses an id with cluster, namespace and name, and nothing else', () => {
  expect(fromId('a/b/c')).toEqual({ cluster: 'a', namespace: 'b', kind: 'Deployment', name: 'c' });
  for (const wrong of ['', 'a', 'a/b', 'a//c', 'a/b/c/d']) expect(fromId(wrong)).toBeUndefined();
});
