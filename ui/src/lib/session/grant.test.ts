import { describe, expect, it } from 'vitest';

import { covers, coversAll, matches } from './grant';

describe('a pattern', () => {
  it.each([
    ['*', 'anything', true],
    ['prod-*', 'prod-1', true],
    ['prod-*', 'preprod-1', false],
    ['*-eu-*', 'prod-eu-1', true],
    ['*-eu-*', 'prod-us-1', false],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['*ab*b', 'ab', false],
    ['pay', 'pay', true],
    ['pay', 'payments', false],
  ])('%s against %s: %s', (pattern, name, expected) => {
    expect(matches(pattern, name)).toBe(expected);
  });
});

describe('a grant', () => {
  const grant = { role: 'restarter', rights: ['read' as const], clusters: ['prod-*'], namespaces: ['pay'] };

  it('covers its rights only in its clusters and namespaces', () => {
    expect(covers(grant, 'read', 'prod-1', 'pay')).toBe(true);
    expect(covers(grant, 'read', 'prod-1', 'shop')).toBe(false);
    expect(covers(grant, 'read', 'dev', 'pay')).toBe(false);
    expect(covers(grant, 'restart', 'prod-1', 'pay')).toBe(false);
    expect(covers(grant, 'read')).toBe(true);
  });

  it('by labels covers the clusters that have them now', () => {
    const labelled = { ...grant, clusters: ['*'], cluster_labels: 'env=prod', labelled_clusters: ['prod-1'] };
    expect(covers(labelled, 'read', 'prod-1', 'pay')).toBe(true);
    expect(covers(labelled, 'read', 'prod-2', 'pay')).toBe(false);
    expect(coversAll({ ...labelled, namespaces: ['*'] }, 'read')).toBe(false);
  });

  it('covers all only if no name is excluded', () => {
    expect(coversAll(grant, 'read')).toBe(false);
    expect(coversAll({ ...grant, clusters: ['*'] }, 'read')).toBe(false);
    expect(coversAll({ ...grant, clusters: ['*'], namespaces: ['*'] }, 'read')).toBe(true);
    expect(coversAll({ ...grant, clusters: ['*'], namespaces: ['*'] }, 'audit')).toBe(false);
  });
});
