import { expect, it } from 'vitest';

import { parametersOf, fromQuery, toQuery } from './filter';

it('round-trips through the URL', () => {
  const filter = { user: 'ana & <b>', verb: 'restart', cluster: 'prod-1', 'sign-ins': 'yes', within: '1d' };
  const query = toQuery(filter);
  expect(query).toBe('?user=ana+%26+%3Cb%3E&verb=restart&cluster=prod-1&sign-ins=yes&within=1d');
  expect(fromQuery(new URLSearchParams(query))).toEqual(filter);
});

it('omits empty and unknown parameters', () => {
  expect(toQuery({ user: '', verb: undefined })).toBe('');
  expect(fromQuery(new URLSearchParams('?user=&limit=5'))).toEqual({});
});

it('omits sign-ins unless requested', () => {
  expect(parametersOf({}).sign_ins).toBe(false);
  expect(parametersOf({ user: 'ana', verb: 'restart' }).sign_ins).toBe(false);
  for (const filter of [{ 'sign-ins': 'yes' }, { verb: 'sign-in' }, { verb: 'sign-out' }, { outcome: 'refused' }]) {
    expect(parametersOf(filter).sign_ins).toBeUndefined();
  }
});

it('requests the time since, and nothing that is only in the URL', () => {
  const now = Date.parse('2026-11-24T10:00:00Z');
  expect(parametersOf({ user: 'ana', 'sign-ins': 'yes', within: '7d' }, now)).toEqual({
    user: 'ana',
    since: '2026-11-17T10:00:00.000Z',
  });
  expect(parametersOf({ within: 'ever' }, now).since).toBeUndefined();
});

it('understands older links to the activity of a deployment', () => {
  const filter = fromQuery(new URLSearchParams('?cluster=prod-1&deployment_name=cart'));
  expect(filter).toEqual({ cluster: 'prod-1', kind: 'Deployment', name: 'cart' });
});
