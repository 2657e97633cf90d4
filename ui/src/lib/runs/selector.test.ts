import { expect, it } from 'vitest';

import { parse } from '$lib/workloads/search';

import { byName, narrowed, ofSearch, searchText } from './selector';

const everything =
  'cluster:prod-*,stage cluster-label:env=prod ns:pay kind:StatefulSet health:failed,degraded image::1.4 label:team=x name:cart car';

it('selects what a search finds', () => {
  expect(ofSearch(parse(everything))).toEqual({
    clusters: ['prod-*', 'stage'],
    cluster_label_selector: 'env=prod',
    namespaces: ['pay'],
    kinds: ['StatefulSet'],
    label_selector: 'team=x',
    health: ['failed', 'degraded'],
    image: ':1.4',
    name: 'cart',
    q: 'car',
  });
});

it('selects everything for an empty search, and filters by nothing that is still being typed', () => {
  expect(ofSearch(parse(''))).toEqual({});
  expect(ofSearch(parse('cluster: health:f'))).toEqual({});
});

it('leads back to the search', () => {
  expect(parse(searchText(ofSearch(parse(everything))))).toEqual(parse(everything));
  expect(searchText({})).toBe('');
});

it('names workloads that were chosen one by one', () => {
  expect(byName({ only: ['a/shop/cart', 'a/shop/db'] })).toBe('2 chosen by name');
  expect(byName({ exclude: ['a/shop/db'] })).toBe('without a/shop/db');
  expect(byName({})).toBe('');
});

it('is narrowed to the kinds that have a change', () => {
  expect(narrowed({ q: 'db' }, ['Deployment', 'StatefulSet', 'DaemonSet'])).toEqual({ q: 'db' });
  expect(narrowed({ q: 'db' }, ['Deployment'])).toEqual({ q: 'db', kinds: ['Deployment'] });
  expect(narrowed({ kinds: ['StatefulSet', 'DaemonSet'] }, ['Deployment', 'StatefulSet'])).toEqual({
    kinds: ['StatefulSet'],
  });
  expect(narrowed({ kinds: ['DaemonSet'] }, ['Deployment', 'StatefulSet'])).toBeUndefined();
});
