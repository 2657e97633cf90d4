import { expect, it } from 'vitest';

import { fromQuery, toQuery } from './filter';

it('stands in the address, and comes back from there', () => {
  const filter = { user: 'ana & <b>', verb: 'restart', cluster: 'prod-1' };
  const query = toQuery(filter);
  expect(query).toBe('?user=ana+%26+%3Cb%3E&verb=restart&cluster=prod-1');
  expect(fromQuery(new URLSearchParams(query))).toEqual(filter);
});

it('leaves out what is empty, and what is no filter', () => {
  expect(toQuery({ user: '', verb: undefined })).toBe('');
  expect(fromQuery(new URLSearchParams('?user=&limit=5'))).toEqual({});
});
