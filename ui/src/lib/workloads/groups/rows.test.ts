import { describe, expect, it } from 'vitest';

import { groupOf, idOfGroup, rowsOf, troubleOf, versionsOf, worst, type Group } from './rows';

const version = (image: string, clusters: number) => ({ images: [image], clusters, workloads: clusters, health: {} });

function group(name: string, parts: Partial<Group> = {}): Group {
  return {
    kind: 'Deployment',
    name,
    workloads: 12,
    clusters: 12,
    offline_clusters: 0,
    health: { healthy: 12 },
    version_count: 1,
    versions: [version('shop/cart:1.4', 12)],
    ...parts,
  };
}

describe('groups', () => {
  it('list the worst first, and omit healthy ones', () => {
    expect(worst(group('a'))).toBe('healthy');
    expect(troubleOf(group('a'))).toBe('');
    const sick = group('a', { health: { failed: 2, degraded: 1, healthy: 9 } });
    expect(worst(sick)).toBe('failed');
    expect(troubleOf(sick)).toBe('2 failed, 1 degraded');
  });

  it('name their versions', () => {
    expect(versionsOf(group('a'))).toBe('cart:1.4');
    const two = group('a', { version_count: 3, versions: [version('x/cart:1.4', 10), version('x/cart:1.5', 1)] });
    expect(versionsOf(two)).toBe('3 versions: cart:1.4 in 10 clusters, cart:1.5 in 1 cluster, and 1 more');
  });

  it('are followed by their workloads while expanded', () => {
    const members = { value: undefined, problem: undefined };
    const rows = rowsOf([group('a'), group('b')], new Map([['a', members]]));
    expect(rows.map((row) => ('what' in row ? row.what : row.name))).toEqual(['a', 'reading', 'b']);
  });

  it('have an id that leads back to them', () => {
    for (const id of ['db', 'StatefulSet/db']) expect(idOfGroup(groupOf(id)!)).toBe(id);
    expect(groupOf('db')?.kind).toBe('Deployment');
    for (const wrong of ['', 'Job/db', 'StatefulSet/']) expect(groupOf(wrong)).toBeUndefined();
  });
});
