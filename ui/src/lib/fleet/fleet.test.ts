import { describe, expect, it } from 'vitest';

import type { Schemas } from '$lib/api';

import { concerns, needAttention, troubled } from './attention';
import { sortClusters } from './order';
import { healthOf, kindsOf, totals, workloadsOf } from './totals';

type Cluster = Schemas['ClusterView'];

function cluster(name: string, change: Partial<Cluster> = {}): Cluster {
  return {
    cluster: name,
    presence: 'online',
    age_seconds: 1,
    agent_version: '0.1.0',
    agents: 1,
    conditions: [],
    counts: { deployments: 3, namespaces: 1, health: { healthy: 2, failed: 1 } },
    labels: {},
    first_seen: '2026-01-01T00:00:00Z',
    last_seen: '2026-01-02T00:00:00Z',
    verbs: [],
    allowed_verbs: [],
    ...change,
  };
}

const skewed = { type: 'clock_skew' as const, message: 'ahead by 40 s', since: '2026-01-01T00:00:00Z' };

describe('attention', () => {
  it('lists clusters that are offline or have a condition, the worst first', () => {
    const clusters = [
      cluster('fine'),
      cluster('skewed', { conditions: [skewed] }),
      cluster('gone', { presence: 'offline' }),
      cluster('late', { presence: 'stale' }),
    ];
    expect(needAttention(clusters).map(({ cluster }) => cluster)).toEqual(['gone', 'late', 'skewed']);
  });

  it('has advice for each condition, also for unknown ones', () => {
    const unheard = { ...skewed, type: 'plague' as never };
    const found = concerns(cluster('gone', { presence: 'offline', conditions: [skewed, unheard] }));
    expect(found.map(({ title }) => title)).toEqual(['Offline', 'Clock is wrong', 'Something is wrong']);
    expect(found.every(({ advice }) => advice.length > 10)).toBe(true);
  });
});

describe('workloads that need attention', () => {
  it('are the failed and the degraded ones', () => {
    expect(troubled({ healthy: 3, progressing: 2 })).toBeUndefined();
    expect(troubled({ degraded: 1 })).toEqual({
      worst: 'degraded',
      words: '1 workload is degraded.',
      search: 'health:degraded',
    });
    expect(troubled({ failed: 1, degraded: 2 })).toEqual({
      worst: 'failed',
      words: '1 rollout has failed, 2 workloads are degraded.',
      search: 'health:failed,degraded',
    });
  });
});

describe('totals', () => {
  it('count the workloads of an offline cluster as unknown, never as healthy', () => {
    const gone = cluster('gone', { presence: 'offline' });
    expect(healthOf(gone)).toEqual({ unknown: 3 });
    expect(totals([cluster('here'), gone, cluster('new', { counts: null })])).toEqual({
      presence: { online: 2, stale: 0, offline: 1 },
      workloads: 6,
      kinds: { Deployment: 6 },
      health: { healthy: 2, failed: 1, unknown: 3 },
      uncounted: 1,
    });
  });
});

describe('the workloads of a cluster', () => {
  const counts = { deployments: 3, stateful_sets: 2, namespaces: 1, health: {} };
  it('are those of all kinds that its agent counts', () => {
    expect(workloadsOf(cluster('a', { counts }))).toBe(5);
    expect(workloadsOf(cluster('a', { counts: null }))).toBeUndefined();
    expect(kindsOf(counts)).toEqual([
      { kind: 'Deployment', count: 3 },
      { kind: 'StatefulSet', count: 2 },
    ]);
    expect(healthOf(cluster('gone', { presence: 'offline', counts }))).toEqual({ unknown: 5 });
  });
});

describe('the order of clusters', () => {
  const clusters = [
    cluster('b', { counts: { deployments: 9, namespaces: 1, health: { healthy: 9 } } }),
    cluster('a', { counts: { deployments: 1, namespaces: 1, health: { healthy: 1 } } }),
    cluster('crashing', { counts: { deployments: 3, namespaces: 1, health: { failed: 2, healthy: 1 } } }),
    cluster('skewed', { conditions: [skewed], counts: undefined }),
    cluster('gone', { presence: 'offline', last_seen: '2026-01-01T00:00:00Z' }),
  ];
  const names = (sort: string) => sortClusters(clusters, sort).map(({ cluster }) => cluster);

  it('is the worst first', () => {
    expect(names('worst')).toEqual(['gone', 'skewed', 'crashing', 'a', 'b']);
  });

  it('is that of a column, or reversed', () => {
    expect(names('cluster')).toEqual(['a', 'b', 'crashing', 'gone', 'skewed']);
    expect(names('-cluster')).toEqual(['skewed', 'gone', 'crashing', 'b', 'a']);
    expect(names('heard')[0]).toBe('gone');
    expect(names('health')[0]).toBe('crashing');
    // A cluster that counts nothing is not a cluster without workloads.
    expect(names('workloads')).toEqual(['b', 'crashing', 'gone', 'a', 'skewed']);
  });
});
