import { expect, it } from 'vitest';

import { csv } from './csv';

const entry = { time: '2026-11-24T10:00:00Z', user: 'ana', verb: 'restart', outcome: 'succeeded' as const };
const second = (about: object) => csv([{ ...entry, ...about }])[1];

it('begins with the names of the columns', () => {
  expect(csv([])).toEqual([
    'time,user,verb,cluster,namespace,kind,name,outcome,reason,detail,address,operation_id,request_id\r\n',
  ]);
});

it('writes each operation with its target', () => {
  const target = { cluster: 'prod-1', namespace: 'pay', deployment_name: 'cart' };
  expect(second({ target })).toBe('2026-11-24T10:00:00Z,ana,restart,prod-1,pay,Deployment,cart,succeeded,,,,,\r\n');
  expect(second({ target: null })).toBe('2026-11-24T10:00:00Z,ana,restart,,,,,succeeded,,,,,\r\n');
});

it.each([
  ['with, comma', '"with, comma"'],
  ['with "quotes"', '"with ""quotes"""'],
  ['two\nlines', '"two\nlines"'],
  ['=1+1', "'=1+1"],
  ['@SUM(A1),x', '"\'@SUM(A1),x"'],
  ['-2', "'-2"],
  ['<b>‮x', '<b>‮x'],
])('keeps %j inert', (text, expected) => {
  expect(second({ reason: text })).toContain(`,succeeded,${expected},,`);
  expect(second({ detail: text })).toContain(`,succeeded,,${expected},`);
});
