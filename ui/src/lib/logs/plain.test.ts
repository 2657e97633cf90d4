import { expect, it } from 'vitest';

import { plain } from './plain';

it('writes searchable lines, and notes as comments', () => {
  const source = { id: 'web-1/app', pod: 'web-1', container: 'app', colour: 0 };
  const rows = [
    { kind: 'note' as const, id: 1, tone: 'warn' as const, text: '3 lines were dropped' },
    { kind: 'line' as const, id: 2, at: '2026-11-24T20:15:03.000000000Z', source, text: 'hello' },
  ];
  expect(plain(rows).join('')).toBe('# 3 lines were dropped\n2026-11-24T20:15:03.000000000Z web-1/app hello\n');
});
