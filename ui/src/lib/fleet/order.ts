// The order of clusters: by the selected column, worst first by default.

import type { Cluster } from './fleet.svelte';
import { healthOf, workloadsOf } from './totals';

const presences = { offline: 0, stale: 1, online: 2 };

type Compare = (one: Cluster, other: Cluster) => number;

const most =
  (count: (cluster: Cluster) => number): Compare =>
  (one, other) =>
    count(other) - count(one);

const byName: Compare = (one, other) => (one.cluster < other.cluster ? -1 : one.cluster > other.cluster ? 1 : 0);
const byPresence: Compare = (one, other) => presences[one.presence] - presences[other.presence];
const byConditions = most(({ conditions }) => conditions.length);
const byFailed = most((cluster) => healthOf(cluster).failed ?? 0);
const byDegraded = most((cluster) => healthOf(cluster).degraded ?? 0);

/** The comparisons of each `sort`; the first one that differs decides. */
const orders: Record<string, Compare[]> = {
  worst: [byPresence, byConditions, byFailed, byDegraded],
  cluster: [],
  heard: [(one, other) => Date.parse(one.last_seen) - Date.parse(other.last_seen)],
  workloads: [most((cluster) => workloadsOf(cluster) ?? -1)],
  health: [byFailed, byDegraded, most((cluster) => healthOf(cluster).unknown ?? 0)],
};

/** The clusters in the order of `sort`, one of `orders`; a leading minus reverses it. */
export function sortClusters(clusters: Cluster[], sort: string): Cluster[] {
  const sign = sort.startsWith('-') ? -1 : 1;
  const compares = orders[sort.replace('-', '')] ?? [];
  return [...clusters].sort((one, other) => {
    for (const compare of compares) {
      const found = compare(one, other);
      if (found !== 0) return found * sign;
    }
    return byName(one, other) * (compares.length === 0 ? sign : 1);
  });
}
