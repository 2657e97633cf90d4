// Times that are filled in, and those ahead.

import { duration } from '$lib/time/age';

/** What a field of the kind `datetime-local` has, in the reader's time zone, as the API wants it; absent if it is empty. */
export function instantOf(local: string): string | undefined {
  const time = new Date(local);
  return local === '' || Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}

/** The reader's time zone at that time, such as `Europe/Berlin, UTC+02:00`. */
export function zoneAt(time: Date): string {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const parts = new Intl.DateTimeFormat('en', { timeZoneName: 'longOffset' }).formatToParts(time);
  const offset = parts.find(({ type }) => type === 'timeZoneName')?.value.replace(/^GMT(\+00:00)?/, 'UTC') ?? '';
  return timeZone === offset ? offset : `${timeZone}, ${offset}`;
}

/** How far ahead a time is, such as `in 3 min`. */
export function ahead(time: number, now: number): string {
  return time <= now ? 'now' : `in ${duration((time - now) / 1_000)}`;
}

const minutes = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

const seconds = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** The date and the second, in the reader's time zone. */
export const momentOf = (time: string): string => seconds.format(new Date(time));

/** The date and the minute, in the reader's time zone. */
export const dateOf = (time: string): string => minutes.format(new Date(time));
