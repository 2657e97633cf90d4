// The activity as a table for other programs (RFC 4180).

import type { Schemas } from '$lib/api';
import { targetOf } from '$lib/workload/ref';

type Entry = Schemas['Entry'];

const columns: [string, (entry: Entry) => string | null | undefined][] = [
  ['time', ({ time }) => time],
  ['user', ({ user }) => user],
  ['verb', ({ verb }) => verb],
  ['cluster', ({ target }) => target?.cluster],
  ['namespace', ({ target }) => target?.namespace],
  ['kind', ({ target }) => targetOf(target)?.kind],
  ['name', ({ target }) => targetOf(target)?.name],
  ['outcome', ({ outcome }) => outcome],
  ['reason', ({ reason }) => reason],
  ['detail', ({ detail }) => detail],
  ['address', ({ address }) => address],
  ['operation_id', ({ operation_id }) => operation_id],
  ['request_id', ({ request_id }) => request_id],
];

export function csv(entries: Entry[]): string[] {
  const rows = entries.map((entry) => columns.map(([, read]) => cell(read(entry) ?? '')));
  return [columns.map(([name]) => name), ...rows].map((row) => `${row.join(',')}\r\n`);
}

/** A spreadsheet evaluates a text that starts like this as a formula. */
const FORMULA = /^[=+\-@\t\r]/;

function cell(text: string): string {
  const plain = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}
