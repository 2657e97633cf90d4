import type { Schemas } from '$lib/api';
import { kinds, type Kind } from '$lib/workload/kinds';

type Cluster = Schemas['ClusterView'];
export type Health = Schemas['Health'];
export type HealthCounts = Partial<Record<Health, number>>;

/** Worst first, as the API sorts them. */
export const healths: Health[] = ['failed', 'degraded', 'progressing', 'paused', 'unknown', 'healthy'];

export interface Totals {
  presence: Record<Cluster['presence'], number>;
  workloads: number;
  kinds: Partial<Record<Kind, number>>;
  health: HealthCounts;
  /** Clusters whose workloads are not counted here: not read yet, or only some of their namespaces are visible. */
  uncounted: number;
}

export function totals(clusters: Cluster[]): Totals {
  const sum: Totals = {
    presence: { online: 0, stale: 0, offline: 0 },
    workloads: 0,
    kinds: {},
    health: {},
    uncounted: 0,
  };
  for (const cluster of clusters) {
    sum.presence[cluster.presence] += 1;
    for (const { kind, count } of cluster.counts ? kindsOf(cluster.counts) : []) {
      sum.workloads += count;
      sum.kinds[kind] = (sum.kinds[kind] ?? 0) + count;
    }
    sum.uncounted += cluster.counts ? 0 : 1;
    for (const [health, count] of Object.entries(healthOf(cluster)) as [Health, number][]) {
      sum.health[health] = (sum.health[health] ?? 0) + count;
    }
  }
  return sum;
}

/** The health of a cluster's workloads. For an offline cluster it is unknown, whatever was last reported. */
export function healthOf({ presence, counts }: Cluster): HealthCounts {
  if (!counts) {
    return {};
  }
  return presence === 'offline' ? { unknown: sumOf(counts) } : ((counts.health ?? {}) as HealthCounts);
}

type Counts = NonNullable<Cluster['counts']>;

/** Workloads by kind, as the API counts them; a kind that an older agent does not count is absent. */
export function kindsOf({ deployments, stateful_sets, daemon_sets }: Counts): { kind: Kind; count: number }[] {
  const counts: Record<Kind, number | undefined> = {
    Deployment: deployments,
    StatefulSet: stateful_sets,
    DaemonSet: daemon_sets,
  };
  return kinds.flatMap((kind) => (counts[kind] === undefined ? [] : [{ kind, count: counts[kind] }]));
}

/** `12 Deployments` and so on. */
export const kindWords = (counts: Counts): string[] =>
  kindsOf(counts).map(({ kind, count }) => `${count.toLocaleString()} ${kind}${count === 1 ? '' : 's'}`);

/** As kubectl shortens the names of kinds. */
const marks: Record<Kind, string> = { Deployment: 'deploy', StatefulSet: 'sts', DaemonSet: 'ds' };

/** `12 deploy` and so on. */
export const kindMarks = (counts: Counts): string[] =>
  kindsOf(counts).map(({ kind, count }) => `${count.toLocaleString()} ${marks[kind]}`);

const sumOf = (counts: Counts): number => kindsOf(counts).reduce((sum, { count }) => sum + count, 0);

/** The number of workloads in a cluster; `undefined` if they are not counted. */
export const workloadsOf = ({ counts }: Cluster): number | undefined => (counts ? sumOf(counts) : undefined);
