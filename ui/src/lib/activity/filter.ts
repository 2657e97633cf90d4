// What of the activity is wanted. It stands in the address, by the names that the API has for it.

import type { Schemas } from '$lib/api';

export const fields = ['user', 'verb', 'outcome', 'cluster', 'namespace', 'deployment_name'] as const;
export type Field = (typeof fields)[number];
export type Filter = Partial<Record<Field, string>>;

export const verbs = ['restart', 'enroll', 'invite', 'revoke', 'sign-in', 'sign-out'];
export const outcomes = [
  'pending',
  'succeeded',
  'failed',
  'expired',
  'superseded',
  'unknown',
  'refused',
] as const satisfies Schemas['Outcome'][];

export function fromQuery(query: URLSearchParams): Filter {
  return Object.fromEntries(fields.flatMap((field) => (query.get(field) ? [[field, query.get(field)]] : [])));
}

/** `?user=ana&verb=restart`, or nothing. */
export function toQuery(filter: Filter): string {
  const set = fields.flatMap((field) => (filter[field] ? [[field, filter[field]]] : []));
  return set.length > 0 ? `?${new URLSearchParams(set)}` : '';
}

/** As the API takes it. An outcome that it does not know is its to refuse. */
export function asked(filter: Filter): Filter & { outcome?: Schemas['Outcome'] } {
  return { ...filter, outcome: filter.outcome as Schemas['Outcome'] | undefined };
}
