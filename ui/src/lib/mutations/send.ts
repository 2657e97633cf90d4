// The API call of each verb.

import { api, type Schemas } from '$lib/api';
import { named } from '$lib/workload/ref';

import type { Candidate, Input, Verb } from './verbs';

type Done = Schemas[`Done_${'Restarted' | 'Paused' | 'Scaled' | 'Imaged' | 'Undone'}`];
type Call = (candidate: Candidate, input: Input) => Promise<{ data?: Done; error?: unknown; response: Response }>;

const body = ({ target }: Candidate, { reason, confirm }: Input) => ({ ...named(target), reason, confirm });

const calls: Record<Verb['name'], Call> = {
  restart: async (candidate, input) => {
    const { data, error, response } = await api.POST('/restart', { body: body(candidate, input) });
    // A run is the answer only to a restart without a name.
    return { data: data && 'operation_id' in data ? data : undefined, error, response };
  },
  pause: (candidate, input) => api.POST('/pause', { body: body(candidate, input) }),
  resume: (candidate, input) => api.POST('/resume', { body: body(candidate, input) }),
  // Only if it has as many replicas as were shown to the person who confirmed the change.
  scale: (candidate, input) => {
    const { replicas = 0 } = input;
    const current_replicas = candidate.workload.replicas;
    return api.POST('/scale', { body: { ...body(candidate, input), replicas, current_replicas } });
  },
  image: (candidate, input) => {
    const { images = [] } = input;
    return api.POST('/image', { body: { ...body(candidate, input), images } });
  },
  undo: (candidate, input) => api.POST('/undo', { body: body(candidate, input) }),
};

export function send({ name }: Verb, candidate: Candidate, input: Input): ReturnType<Call> {
  return calls[name](candidate, input);
}
