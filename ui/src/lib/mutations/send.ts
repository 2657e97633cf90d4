// The API call of each verb.

import { api, type Schemas } from '$lib/api';
import { named } from '$lib/workload/ref';

import type { Candidate, Input, Verb } from './verbs';

type Done = Schemas[`Done_${'Restarted' | 'Paused' | 'Scaled'}`];
type Call = (candidate: Candidate, input: Input) => Promise<{ data?: Done; error?: unknown; response: Response }>;

const calls: Record<Verb['name'], Call> = {
  restart: ({ target }) => api.POST('/restart', { body: named(target) }),
  pause: ({ target }) => api.POST('/pause', { body: named(target) }),
  resume: ({ target }) => api.POST('/resume', { body: named(target) }),
  // Only if it has as many replicas as were shown to the person who confirmed the change.
  scale: ({ target, workload }, { replicas = 0 }) =>
    api.POST('/scale', { body: { ...named(target), replicas, current_replicas: workload.replicas } }),
};

export function send({ name }: Verb, candidate: Candidate, input: Input): ReturnType<Call> {
  return calls[name](candidate, input);
}
