import { expect, it } from 'vitest';

import { reasonOf, troubled } from './answers';

const answered = { cluster: 'a', state: 'answered' as const, workloads: 1, milliseconds: 2 };
const age = (time: string) => `${time.length} s`;

it('only clusters without a response, or with old data, are troubled', () => {
  const late = { cluster: 'late', state: 'timed_out' as const };
  const old = { ...answered, cluster: 'old', stale_seconds: 70 };
  expect(troubled([answered, late, old]).map(({ cluster }) => cluster)).toEqual(['late', 'old']);
});

it('describes the stored data of an offline cluster', () => {
  const offline = { cluster: 'b', state: 'offline' as const };
  expect(reasonOf(offline, age)).toBe('offline, never seen');
  expect(reasonOf({ ...offline, last_seen: 'xxx', detail: 'it cannot be read' }, age)).toBe(
    'offline, last seen 3 s ago; it cannot be read',
  );
  expect(reasonOf({ ...offline, last_seen: 'xxx', as_of: 'xxxx', truncated: true }, age)).toBe(
    'offline, last seen 3 s ago; its workloads are shown as known 4 s ago, and not all of them',
  );
});

it('gives the reason of a refusal, with its code', () => {
  const refused = { cluster: 'c', state: 'refused' as const, code: 'agent_too_old' as const, detail: 'too old' };
  expect(reasonOf(refused, age)).toBe('refused: too old (agent_too_old)');
});
