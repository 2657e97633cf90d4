import { describe, expect, it } from 'vitest';

import { parse, toggled, without } from './search';

describe('the search box', () => {
  it('takes filters and a part of a name', () => {
    expect(
      parse(
        'cluster:prod-*,dev ns:pay kind:statefulset,DaemonSet health:degraded,failed image:cart:1.4 label:team=x label:tier!=y cluster-label:env=prod cluster-label:region name:cart Shop',
      ),
    ).toEqual({
      query: {
        cluster: ['prod-*', 'dev'],
        clusterLabelSelector: 'env=prod,region',
        namespace: ['pay'],
        kind: ['StatefulSet', 'DaemonSet'],
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
    expect(parse('  cluster: cluster-label: health:deg kind:State ')).toEqual({
      query: { health: [], kind: [] },
      wrong: [],
    });
  });

  it.each([
    ['foo:bar', 'foo:'],
    ['health:great', 'great'],
    ['kind:Job', 'Job'],
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
    expect(toggled('h:degraded,failed', 'health:failed')).toBe('h:degraded');
    expect(toggled('kind:daemonset', 'kind:DaemonSet')).toBe('');
    expect(toggled('kind:DaemonSet', 'kind:StatefulSet')).toBe('kind:DaemonSet kind:StatefulSet');
  });

  it('drops the filters by something', () => {
    expect(without('cart kind:DaemonSet k:x ns:pay', 'kind')).toBe('cart ns:pay');
  });
});
