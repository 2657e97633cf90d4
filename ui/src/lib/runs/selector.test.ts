import { expect, it } from 'vitest';

import { parse } from '$lib/deployments/search';

import { byName, ofSearch, searchText } from './selector';

const everything =
  'cluster:prod-*,stage cluster-label:env=prod ns:pay health:failed,degraded image::1.4 label:team=x name:cart car';

it('selects what a search finds', () => {
  expect(ofSearch(parse(everything))).toEqual({
    clusters: ['prod-*', 'stage'],
    cluster_label_selector: 'env=prod',
    namespaces: ['pay'],
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
