import type { Schemas } from '$lib/api';

type Cluster = Schemas['ClusterView'];
export type Health = Schemas['Health'];
export type HealthCounts = Partial<Record<Health, number>>;

/** Worst first, as the API sorts them. */
export const healths: Health[] = ['failed', 'degraded', 'progressing', 'paused', 'unknown', 'healthy'];

export interface Totals {
  presence: Record<Cluster['presence'], number>;
  deployments: number;
  health: HealthCounts;
  /** Clusters whose deployments are not counted here: not read yet, or only some of their namespaces are visible. */
  uncounted: number;
}

export function totals(clusters: Cluster[]): Totals {
  const sum: Totals = { presence: { online: 0, stale: 0, offline: 0 }, deployments: 0, health: {}, uncounted: 0 };
  for (const cluster of clusters) {
    sum.presence[cluster.presence] += 1;
    sum.deployments += cluster.counts?.deployments ?? 0;
    sum.uncounted += cluster.counts ? 0 : 1;
    for (const [health, count] of Object.entries(healthOf(cluster)) as [Health, number][]) {
      sum.health[health] = (sum.health[health] ?? 0) + count;
    }
  }
  return sum;
}

/** The health of a cluster's deployments. For an offline cluster it is unknown, whatever was last reported. */
export function healthOf({ presence, counts }: Cluster): HealthCounts {
  if (!counts) {
    return {};
  }
  return presence === 'offline' ? { unknown: counts.deployments } : ((counts.health ?? {}) as HealthCounts);
}
