import { expect, it } from 'vitest';

import { fromId, idOf } from '$lib/workload/ref';

import { searchOf } from './view';

it('omits default values from the URL', () => {
  expect(searchOf({ q: '', sort: 'health' })).toBe('');
  expect(searchOf({ q: 'ns:pay cart', sort: '-name', open: 'a/b/c' })).toBe(
    '?q=ns%3Apay+cart&sort=-name&open=a%2Fb%2Fc',
  );
  expect(searchOf({ q: '', sort: 'health', group: 'name', expanded: 'a,b' })).toBe('?group=name&expanded=a%2Cb');
  expect(searchOf({ q: '', sort: 'health', group: '', expanded: 'a,b' })).toBe('');
});

it('parses an id with cluster, namespace and name, and a kind in between unless it is a deployment', () => {
  expect(fromId('a/b/c')).toEqual({ cluster: 'a', namespace: 'b', kind: 'Deployment', name: 'c' });
  expect(fromId('a/b/DaemonSet/c')).toEqual({ cluster: 'a', namespace: 'b', kind: 'DaemonSet', name: 'c' });
  for (const id of ['a/b/c', 'a/b/DaemonSet/c']) expect(idOf(fromId(id)!)).toBe(id);
  for (const wrong of ['', 'a', 'a/b', 'a//c', 'a/b/c/d', 'a/b/Job/d', 'a/b/DaemonSet/c/d'])
    expect(fromId(wrong)).toBeUndefined();
});
