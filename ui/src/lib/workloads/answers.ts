import type { Schemas } from '$lib/api';
import type { Change } from '$lib/live/feed.svelte';

type Answer = Schemas['ClusterAnswer'];

/** Clusters that did not respond, or whose data is old. */
export function troubled(answers: Answer[]): Answer[] {
  return answers.filter((answer) => answer.state !== 'answered' || answer.stale_seconds);
}

/** Why a cluster's workloads are missing or old, in words; `age` formats a time as an age. */
export function reasonOf(answer: Answer, age: (time: string) => string): string {
  switch (answer.state) {
    case 'answered':
      return `answered with data that is ${answer.stale_seconds} s old: its watch of the API server is broken`;
    case 'timed_out':
      return 'did not answer in time';
    case 'offline':
      return [offlineSince(answer, age), inventoryOf(answer, age)].filter(Boolean).join('; ');
    case 'refused':
      return `refused: ${answer.detail} (${answer.code})`;
    case 'misbehaving':
      return `its response was invalid: ${answer.detail}`;
    default:
      return 'did not answer';
  }
}

/** Whether a cluster went offline or came back since it was queried. */
export function turned(change: Change, answers: Answer[]): boolean {
  if (change.kind !== 'cluster') {
    return change.kind === 'cluster_gone';
  }
  const { cluster: name, presence } = change.cluster;
  const answer = answers.find(({ cluster }) => cluster === name);
  return answer !== undefined && (answer.state === 'offline') !== (presence === 'offline');
}

type Offline = Extract<Answer, { state: 'offline' }>;

function offlineSince({ last_seen: seen }: Offline, age: (time: string) => string): string {
  return seen ? `offline, last seen ${age(seen)} ago` : 'offline, never seen';
}

/** The data that is shown nevertheless. */
function inventoryOf({ as_of: known, truncated, detail }: Offline, age: (time: string) => string): string {
  if (!known) {
    return detail ?? '';
  }
  return `its workloads are shown as known ${age(known)} ago${truncated ? ', and not all of them' : ''}`;
}
