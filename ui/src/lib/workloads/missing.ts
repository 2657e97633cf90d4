import type { Health } from '$lib/fleet/totals';

/** The order in which changes are listed. */
const NAMED: Health[] = ['failed', 'degraded'];

/** What has changed outside the loaded rows, in words: "12 failed, 60 degraded and 3 other changes are not shown yet". */
export function missingIn(changes: (Health | 'gone' | 'turned')[]): string {
  const named = NAMED.map((health) => ({ health, count: changes.filter((change) => change === health).length }));
  const others = changes.length - named.reduce((sum, { count }) => sum + count, 0);
  const parts = named
    .filter(({ count }) => count > 0)
    .map(({ health, count }) => `${count.toLocaleString()} ${health}`);
  const rest = `${others.toLocaleString()} ${parts.length > 0 ? 'other ' : ''}${others === 1 ? 'change' : 'changes'}`;
  const all = others > 0 ? [...parts, rest] : parts;
  const list = all.length > 1 ? `${all.slice(0, -1).join(', ')} and ${all.at(-1)}` : all[0];
  return `${list} ${changes.length === 1 ? 'is' : 'are'} not shown yet`;
}
