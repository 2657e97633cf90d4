import type { LogRow } from './line';

/** The rows as plain text. */
export function plain(rows: LogRow[]): string[] {
  return rows.map((row) =>
    row.kind === 'note' ? `# ${row.text}\n` : `${row.at} ${row.source.pod}/${row.source.container} ${row.text}\n`,
  );
}
