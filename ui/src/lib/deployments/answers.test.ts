import { expect, it } from 'vitest';

import { reasonOf, troubled } from './answers';

const answered = { cluster: 'a', state: 'answered' as const, deployments: 1, milliseconds: 2 };
const age = (time: string) => `${time.length} s`;

it('only those are troubled that did not answer, or with old data', () => {
  const late = { cluster: 'late', state: 'timed_out' as const };
  const old = { ...answered, cluster: 'old', stale_seconds: 70 };
  expect(troubled([answered, late, old]).map(({ cluster }) => cluster)).toEqual(['late', 'old']);
});

it('says of one that is away what is shown of it', () => {
  const away = { cluster: 'b', state: 'offline' as const };
  expect(reasonOf(away, age)).toBe('offline, never seen');
  expect(reasonOf({ ...away, last_seen: 'xxx', detail: 'it cannot be read' }, age)).toBe(
    'offline, last seen 3 s ago; it cannot be read',
  );
  expect(reasonOf({ ...away, last_seen: 'xxx', as_of: 'xxxx', truncated: true }, age)).toBe(
    'offline, last seen 3 s ago; its deployments are shown as known 4 s ago, and not all of them',
  );
});

it('gives the reason of one that refused, with its code', () => {
  const refused = { cluster: 'c', state: 'refused' as const, code: 'agent_too_old' as const, detail: 'too old' };
  expect(reasonOf(refused, age)).toBe('refused: too old (agent_too_old)');
});
