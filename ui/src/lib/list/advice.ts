import type { ApiProblem } from '$lib/api';

const advice: Partial<Record<ApiProblem['code'], string>> = {
  forbidden: 'Your grants do not allow this. Whoever keeps users.json can change them.',
  bus_unavailable: 'The aggregator has lost its message bus. It connects again by itself.',
  cluster_offline: 'No agent of this cluster is connected. Look at the agent’s pods in that cluster.',
  cluster_timeout: 'The cluster did not answer in time. It may be slow, or its agent busy.',
  cluster_unknown: 'There is no such cluster, or your grants do not reach it.',
  not_found: 'It does not exist any more, or never did.',
  cluster_forbids: 'The agent’s own rights in the cluster do not allow this. See the manifest that joined it.',
  agent_too_old: 'The cluster’s agent does not know this call yet. Update its image.',
  kubernetes_unavailable: 'The cluster’s API server does not answer its agent.',
  kubernetes_timeout: 'The cluster’s API server did not answer its agent in time.',
  identity_conflict: 'Two clusters use this name. Remove one of the two agents.',
  invalid_value: 'Change what you are looking for, and try again.',
  invalid_request: 'Change what you are looking for, and try again.',
  audit_unavailable:
    'Nothing is changed that cannot be recorded. Whoever keeps the message bus must look at its store.',
  rate_limited: 'Too many calls in a short time. Wait a little.',
};

/** What somebody can do about it, where there is anything. */
export function adviceFor(problem: ApiProblem): string | undefined {
  return advice[problem.code];
}
