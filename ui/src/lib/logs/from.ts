// From where a log is read, and up to where. It is in the URL, by name.

import { shownTime, sortable, type Times } from './line';

export interface From {
  id: string;
  label: string;
  /** The last lines of each container, up to this number. */
  tail: number;
  sinceSeconds?: number;
  /** A time, in the format of `sortable`: the view scrolls to the first line since, with shortly earlier lines above it. */
  at?: string;
  /** The end of a window, in the same format: it is read once, and not followed. */
  to?: string;
}

/** Maximum number of lines of one container that the API returns. */
const MOST = 10_000;

/** Seconds that are read before the start time. */
const BEFORE = 60;

export const froms = [
  { id: '100', label: 'Last 100 lines of each', tail: 100 },
  { id: '1000', label: 'Last 1,000 lines of each', tail: 1_000 },
  { id: '1m', label: 'Last minute', tail: MOST, sinceSeconds: 60 },
  { id: '15m', label: 'Last 15 minutes', tail: MOST, sinceSeconds: 900 },
  { id: '1h', label: 'Last hour', tail: MOST, sinceSeconds: 3_600 },
  { id: '1d', label: 'Last day', tail: MOST, sinceSeconds: 86_400 },
  { id: '10000', label: 'Last 10,000 lines of each', tail: MOST },
] as const satisfies From[];

/**
 * By its name in the URL, or a time such as `2026-11-24T20:15:03.5Z`; with a later one, a window between the two. Anything else is
 * ignored.
 */
export function fromNamed(id: string | null, end: string | null, now: number): From {
  const at = sortable(id);
  if (id !== null && at !== '') {
    const sinceSeconds = Math.max(1, Math.ceil((now - Date.parse(id)) / 1_000)) + BEFORE;
    const to = sortable(end);
    const window = to > at ? { to, label: 'Between two times' } : { label: `Around ${shownTime(at, 'local')}` };
    return { id, tail: MOST, sinceSeconds, at, ...window };
  }
  return froms.find((from) => from.id === id) ?? froms[0];
}

/** The default window: the last 15 minutes. */
export function lastWindow(now: number): { from: string; to: string } {
  const second = (time: number) => new Date(Math.floor(time / 1_000) * 1_000).toISOString();
  return { from: second(now - 900_000), to: second(now) };
}

/** A time in the format of a `datetime-local` field, in UTC or in the reader's time zone. */
export function inField(at: string, times: Times): string {
  const time = new Date(at);
  const offset = times === 'utc' ? 0 : time.getTimezoneOffset() * 60_000;
  return new Date(time.getTime() - offset).toISOString().slice(0, 19);
}

/** The inverse; empty for an invalid time. */
export function ofField(text: string, times: Times): string | undefined {
  const time = new Date(times === 'utc' ? `${text}Z` : text);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}

/** To resume after a break: what was written since `silentFor` milliseconds ago, and a little more. */
export function since(silentFor: number): From {
  const OVERLAP = 10;
  return { id: '', label: '', tail: MOST, sinceSeconds: Math.ceil(silentFor / 1_000) + OVERLAP };
}
