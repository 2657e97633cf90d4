import { expect, it } from 'vitest';

import { asked, fromQuery, toQuery } from './filter';

it('stands in the address, and comes back from there', () => {
  const filter = { user: 'ana & <b>', verb: 'restart', cluster: 'prod-1', 'sign-ins': 'yes', within: '1d' };
  const query = toQuery(filter);
  expect(query).toBe('?user=ana+%26+%3Cb%3E&verb=restart&cluster=prod-1&sign-ins=yes&within=1d');
  expect(fromQuery(new URLSearchParams(query))).toEqual(filter);
});

it('leaves out what is empty, and what is no filter', () => {
  expect(toQuery({ user: '', verb: undefined })).toBe('');
  expect(fromQuery(new URLSearchParams('?user=&limit=5'))).toEqual({});
});

it('leaves sign-ins out unless they are asked for', () => {
  expect(asked({}).sign_ins).toBe(false);
  expect(asked({ user: 'ana', verb: 'restart' }).sign_ins).toBe(false);
  for (const filter of [{ 'sign-ins': 'yes' }, { verb: 'sign-in' }, { verb: 'sign-out' }, { outcome: 'refused' }]) {
    expect(asked(filter).sign_ins).toBeUndefined();
  }
});

it('asks for the time since, and for nothing that is only in the address', () => {
  const now = Date.parse('2026-11-24T10:00:00Z');
  expect(asked({ user: 'ana', 'sign-ins': 'yes', within: '7d' }, now)).toEqual({
    user: 'ana',
    since: '2026-11-17T10:00:00.000Z',
  });
  expect(asked({ within: 'ever' }, now).since).toBeUndefined();
});
