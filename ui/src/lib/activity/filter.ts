// The filter of the activity. It is in the URL, with the API's names.

import type { Schemas } from '$lib/api';
import { verbs } from '$lib/mutations/verbs';
import type { Kind } from '$lib/workload/kinds';

export const fields = ['user', 'verb', 'outcome', 'cluster', 'namespace', 'kind', 'name'] as const;
export type Field = (typeof fields)[number];
const names = [...fields, 'sign-ins', 'within'] as const;
export type Filter = Partial<Record<(typeof names)[number], string>>;

export const auditVerbs = [
  ...verbs.map(({ name }) => name),
  'enroll',
  'invite',
  'withdraw',
  'revoke',
  'sign-in',
  'sign-out',
];
/** Maximum age, in hours. */
export const ranges: Record<string, { label: string; hours: number }> = {
  '1h': { label: 'last hour', hours: 1 },
  '1d': { label: 'last day', hours: 24 },
  '7d': { label: 'last 7 days', hours: 7 * 24 },
};
export const outcomes = [
  'pending',
  'succeeded',
  'failed',
  'expired',
  'superseded',
  'unknown',
  'refused',
] as const satisfies Schemas['Outcome'][];

/** Older links have the name of a deployment alone. */
export function fromQuery(query: URLSearchParams): Filter {
  const filter = names.flatMap((field) => (query.get(field) ? [[field, query.get(field)]] : []));
  const deployment = query.get('deployment_name');
  return { ...Object.fromEntries(filter), ...(deployment && { kind: 'Deployment', name: deployment }) };
}

/** `?user=ana&verb=restart`, or nothing. */
export function toQuery(filter: Filter): string {
  const set = names.flatMap((field) => (filter[field] ? [[field, filter[field]]] : []));
  return set.length > 0 ? `?${new URLSearchParams(set)}` : '';
}

/** Whether the filter selects only sign-ins: nothing else is ever refused. */
export function isForSignIns({ verb, outcome }: Filter): boolean {
  return verb === 'sign-in' || verb === 'sign-out' || outcome === 'refused';
}

/** The filter as API parameters. The API rejects unknown outcomes and kinds itself. */
export function parametersOf({ 'sign-ins': signIns, within = '', ...filter }: Filter, now = Date.now()) {
  const hours = ranges[within]?.hours;
  return {
    ...filter,
    outcome: filter.outcome as Schemas['Outcome'] | undefined,
    kind: filter.kind as Kind | undefined,
    sign_ins: signIns || isForSignIns(filter) ? undefined : false,
    since: hours === undefined ? undefined : new Date(now - hours * 3_600_000).toISOString(),
  };
}
