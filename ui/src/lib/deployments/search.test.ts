import { describe, expect, it } from 'vitest';

import { parse, toggled } from './search';

describe('the search box', () => {
  it('takes filters and a part of a name', () => {
    expect(
      parse(
        'cluster:prod-*,dev ns:pay health:degraded,failed image:cart:1.4 label:team=x label:tier!=y cluster-label:env=prod cluster-label:region name:cart Shop',
      ),
    ).toEqual({
      query: {
        cluster: ['prod-*', 'dev'],
        clusterLabelSelector: 'env=prod,region',
        namespace: ['pay'],
        health: ['degraded', 'failed'],
        image: 'cart:1.4',
        labelSelector: 'team=x,tier!=y',
        name: 'cart',
        q: 'shop',
      },
      wrong: [],
    });
  });

  it('ignores an incomplete filter', () => {
    expect(parse('  cluster: cluster-label: health:deg ')).toEqual({ query: { health: [] }, wrong: [] });
  });

  it.each([
    ['foo:bar', 'foo:'],
    ['health:great', 'great'],
    ['one two', 'two'],
    ['image:a image:b', 'image:b'],
    ['name:a name:b', 'name:b'],
  ])('says what is wrong with %s', (text, named) => {
    const { wrong } = parse(text);
    expect(wrong).toHaveLength(1);
    expect(wrong[0]).toContain(named);
  });

  it('adds a filter and removes it again', () => {
    expect(toggled('shop', 'health:failed')).toBe('shop health:failed');
    expect(toggled('shop  health:failed x', 'health:failed')).toBe('shop x');
  });
});
