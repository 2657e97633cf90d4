import type { ApiProblem } from '$lib/api';

/** What can be done about it, if anything. */
const advice: Partial<Record<ApiProblem['code'], string>> = {
  forbidden: 'Your grants do not allow this. An administrator can change them in users.json.',
  bus_unavailable: 'The aggregator has lost its message bus. It reconnects by itself.',
  cluster_offline: 'No agent of this cluster is connected. Check the agent’s pods in that cluster.',
  cluster_timeout: 'The cluster did not answer in time. It may be slow, or its agent busy.',
  cluster_unknown: 'There is no such cluster, or your grants do not reach it.',
  not_found: 'It does not exist any more, or never did.',
  cluster_forbids: 'The agent’s own rights in the cluster do not allow this. See the manifest that joined it.',
  agent_too_old: 'The cluster’s agent does not know this call yet. Update its image.',
  verb_not_enabled:
    'Add it to MCA_VERBS in the ConfigMap agent-settings of that cluster, and to its agent’s ClusterRole.',
  workload_in_run: 'Wait for that run, or abort it.',
  too_many_targets: 'Narrow the search.',
  replicas_changed: 'Somebody else has scaled it since it was shown. Look at it again, then decide.',
  too_many_rollouts:
    'Wait until some are complete. The limit is MCA_MAX_ROLLOUTS in the ConfigMap agent-settings of that cluster.',
  kubernetes_unavailable: 'The cluster’s API server does not answer its agent.',
  kubernetes_timeout: 'The cluster’s API server did not answer its agent in time.',
  identity_conflict: 'Two clusters use this name. Remove one of the two agents.',
  invalid_value: 'Change the search, and try again.',
  invalid_request: 'Change the search, and try again.',
  audit_unavailable:
    'Changes that cannot be recorded are refused. The operator of the message bus must check its store.',
  rate_limited: 'Too many calls in a short time. Wait a little.',
};

/** What went wrong, in a few words. The API's own title is the name of the HTTP status. */
const titles: Partial<Record<ApiProblem['code'], string>> = {
  agent_busy: 'The agent is busy',
  agent_misbehaves: 'The agent’s response was invalid',
  agent_too_old: 'The agent is too old for this',
  audit_unavailable: 'The audit cannot be written',
  bus_unavailable: 'The message bus cannot be reached',
  cluster_forbids: 'The cluster does not let the agent do this',
  cluster_offline: 'The cluster is offline',
  cluster_timeout: 'The cluster did not answer in time',
  cluster_unknown: 'No such cluster',
  credentials_exhausted: 'The cluster has two credentials already',
  enrolment_unavailable: 'Clusters cannot be added here',
  forbidden: 'Not allowed',
  identity_conflict: 'Two clusters use this name',
  invalid_request: 'Not understood',
  invalid_value: 'Not understood',
  kubernetes_timeout: 'The cluster’s API server did not answer in time',
  kubernetes_unavailable: 'The cluster’s API server does not answer',
  not_found: 'Not found',
  outcome_unknown: 'The outcome is unknown',
  rate_limited: 'Too many calls in a short time',
  confirmation_required: 'It is protected and has to be confirmed',
  plan_changed: 'The workloads are others by now',
  revision_stale: 'The run has changed by now',
  run_state: 'The run is in another state by now',
  too_many_rollouts: 'Too many rollouts are under way in the cluster',
  too_many_targets: 'Too many workloads',
  workload_in_run: 'A workload is in another run',
  verb_not_enabled: 'This change is not enabled in the cluster',
  replicas_changed: 'It has another number of replicas by now',
  reply_too_large: 'The answer would be too large',
  request_timeout: 'The request took too long',
  signer_unavailable: 'The signing process does not answer',
};

export function adviceFor(problem: ApiProblem): string | undefined {
  return advice[problem.code];
}

export function titleOf(problem: ApiProblem): string {
  return titles[problem.code] ?? problem.title;
}
