const units: [string, number][] = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
];

/** A duration in its largest unit, such as `3 min`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const unit = units.find(([, length]) => whole >= length);
  return unit ? `${Math.floor(whole / unit[1])} ${unit[0]}` : `${whole} s`;
}

/** How long ago, such as `3 min ago`. A time in the future is due to clock skew. */
export function ago(time: number, now: number): string {
  const seconds = (now - time) / 1_000;
  return seconds < 1 ? 'now' : `${duration(seconds)} ago`;
}

// Created once: for a table of times it would be most of the work.
const local = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** The exact time, for a tooltip: in the reader's time zone, and in UTC as in logs. */
export function exact(time: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) {
    return time;
  }
  return `${local.format(date)} (${date.toISOString().replace('.000', '')})`;
}
