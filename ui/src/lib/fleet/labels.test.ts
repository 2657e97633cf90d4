import { describe, expect, it } from 'vitest';

import type { Cluster } from './fleet.svelte';
import { finds, parse, patch, textsOf } from './labels';

describe('labels', () => {
  it('are shown in order', () => {
    expect(textsOf({ region: 'eu', env: 'prod' })).toEqual(['env=prod', 'region=eu']);
  });

  it('are parsed from lines, and invalid ones are reported', () => {
    expect(parse('env=prod\n region=eu,empty=')).toEqual({
      labels: { env: 'prod', region: 'eu', empty: '' },
      wrong: [],
    });
    expect(parse('env prod =x a=b=c')).toEqual({ labels: { a: 'b=c' }, wrong: ['env', 'prod', '=x'] });
  });

  it('are changed only where they differ', () => {
    expect(patch({ env: 'dev', old: '1', team: 'x' }, { env: 'prod', team: 'x', new: '' })).toEqual({
      old: null,
      env: 'prod',
      new: '',
    });
  });

  it('find a cluster, as its name does', () => {
    const cluster = { cluster: 'shop-1', labels: { env: 'prod' } } as unknown as Cluster;
    expect(['', 'Shop', 'env', 'env=prod'].map((text) => finds(text, cluster))).toEqual([true, true, true, true]);
    expect(['prod', 'env=dev', 'x'].map((text) => finds(text, cluster))).toEqual([false, false, false]);
  });
});
