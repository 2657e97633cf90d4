// What is wrong with a cluster, how severe it is, and what can be done about it.

import type { Schemas } from '$lib/api';

import type { HealthCounts } from './totals';

type Cluster = Schemas['ClusterView'];
type ConditionType = Schemas['ConditionType'];

export interface Concern {
  title: string;
  message: string;
  advice: string;
  since: string;
}

const conditions: Record<ConditionType, { title: string; advice: string }> = {
  kubernetes_unreachable: {
    title: 'API server does not answer',
    advice: 'Check the cluster’s API server. The data shown is the last that the agent has seen.',
  },
  unauthorized: {
    title: 'API server refuses the agent',
    advice: 'The agent’s service account token is not accepted. Apply the agent’s manifest again.',
  },
  forbidden: {
    title: 'The agent lacks rights',
    advice: 'The agent’s ClusterRole does not allow what it needs. Apply the agent’s manifest again.',
  },
  cache_stale: {
    title: 'Old data',
    advice: 'The agent’s watch broke and is being re-established. If this persists, restart the agent’s pods.',
  },
  clock_skew: { title: 'Clock is wrong', advice: 'Set the clock of the agent’s node: check its NTP service.' },
  identity_conflict: {
    title: 'Two clusters use this name',
    advice: 'Remove one of the two agents, then remove this cluster and add it again. Restarts are refused meanwhile.',
  },
  misbehaving: {
    title: 'The agent violates the protocol',
    advice: 'Compare the agent’s image with yours. If somebody else may hold its credential, remove the cluster.',
  },
  other: {
    title: 'Something is wrong',
    advice: 'This page does not know this condition. It may be older than the agent.',
  },
};

export function concerns(cluster: Cluster): Concern[] {
  const found = cluster.conditions.map(({ type, message, since }) => ({
    ...(conditions[type] ?? conditions.other),
    message,
    since,
  }));
  const absence = absenceOf(cluster);
  return absence ? [absence, ...found] : found;
}

function absenceOf({ presence, last_seen: since }: Cluster): Concern | undefined {
  switch (presence) {
    case 'online':
      return undefined;
    case 'stale':
      return {
        title: 'Stale',
        message: 'Heartbeats are late.',
        advice: 'It may recover by itself. Restarts are refused until then.',
        since,
      };
    default:
      return {
        title: 'Offline',
        message: 'No agent of this cluster is connected.',
        advice: 'Check the agent’s pods in that cluster, and whether they can reach the bus.',
        since,
      };
  }
}

const gravity = { offline: 2, stale: 1, online: 0 };

/** The clusters that need attention, worst first. */
export function needAttention(clusters: Cluster[]): Cluster[] {
  const weight = (cluster: Cluster) => gravity[cluster.presence] * 10 + cluster.conditions.length;
  return clusters.filter((cluster) => weight(cluster) > 0).sort((one, other) => weight(other) - weight(one));
}

export interface Troubled {
  worst: 'failed' | 'degraded';
  words: string;
  /** The search that shows them in the table of workloads. */
  search: string;
}

/** The workloads that need attention, in words; absent if there are none. */
export function troubled({ failed = 0, degraded = 0 }: HealthCounts): Troubled | undefined {
  const rollouts = failed === 1 ? '1 rollout has failed' : `${failed.toLocaleString()} rollouts have failed`;
  const workloads = degraded === 1 ? '1 workload is degraded' : `${degraded.toLocaleString()} workloads are degraded`;
  const parts = [...(failed > 0 ? [rollouts] : []), ...(degraded > 0 ? [workloads] : [])];
  if (parts.length === 0) return undefined;
  const healths = [...(failed > 0 ? ['failed'] : []), ...(degraded > 0 ? ['degraded'] : [])];
  return {
    worst: failed > 0 ? 'failed' : 'degraded',
    words: `${parts.join(', ')}.`,
    search: `health:${healths.join(',')}`,
  };
}
