import type { Schemas } from '$lib/api';

type Event = Schemas['EventSummary'];

/** Newest first; those without a time last, in their original order. */
export function newestFirst(events: Event[]): Event[] {
  const time = ({ time }: Event) => (time ? Date.parse(time) : -Infinity);
  return events.toSorted((one, other) => time(other) - time(one) || 0);
}

export function isWarning({ type }: Event): boolean {
  return type !== 'Normal';
}
