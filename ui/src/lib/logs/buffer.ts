// The newest lines of all containers in one order. Lines beyond the bounds are dropped, and counted.

import type { LogNote, LogRow, LogText } from './line';

/** How far back a line may still be sorted in by time: containers are read in parallel, none of them hours behind. */
const REORDERED = 2_000;

export interface Bounds {
  lines: number;
  /** Of all lines together. */
  characters: number;
}

export class LogBuffer {
  rows: LogRow[] = [];
  /** The number of dropped lines. */
  gone = 0;
  /** The number of lines in the buffer. */
  lines = 0;
  #characters = 0;

  constructor(readonly bounds: Bounds) {}

  /** Adds lines, which are in order within each container; `at` merges them into those of the others. */
  add(lines: LogText[]): void {
    if (lines.length === 0) {
      return;
    }
    const added = lines.toSorted(byTime);
    const late = this.rows.splice(this.#indexOf(added[0] as LogText));
    // Not in one call with a hundred thousand arguments.
    for (const row of merged(late, added)) this.rows.push(row);
    this.lines += lines.length;
    this.#characters += lines.reduce((sum, { text }) => sum + text.length, 0);
    this.#trim();
  }

  note(note: LogNote): void {
    this.rows.push(note);
    this.#trim();
  }

  /** The earliest index for new lines. A note is a barrier: nothing is inserted before it. */
  #indexOf(first: LogText): number {
    const { rows } = this;
    const furthest = Math.max(0, rows.length - REORDERED);
    let index = rows.length;
    for (; index > furthest; index -= 1) {
      const before = rows[index - 1] as LogRow;
      if (before.kind === 'note' || before.at <= first.at) {
        break;
      }
    }
    return index;
  }

  /** Drops a tenth more than needed, so that it is not done for each line. */
  #trim(): void {
    const { rows, bounds } = this;
    if (rows.length <= bounds.lines && this.#characters <= bounds.characters) {
      return;
    }
    let cut = 0;
    while (rows.length - cut > bounds.lines * 0.9 || this.#characters > bounds.characters * 0.9) {
      const row = rows[cut] as LogRow;
      cut += 1;
      if (row.kind === 'line') {
        this.#characters -= row.text.length;
        this.lines -= 1;
        this.gone += 1;
      }
    }
    this.rows = rows.slice(cut);
  }
}

function byTime(one: LogText, other: LogText): number {
  return one.at < other.at ? -1 : one.at > other.at ? 1 : 0;
}

/** Merges two ordered runs; on equal times the earlier run comes first. */
function* merged(before: LogRow[], added: LogText[]): Generator<LogRow> {
  let next = 0;
  for (const row of before) {
    while (row.kind === 'line' && next < added.length && (added[next] as LogText).at < row.at) {
      yield added[next++] as LogText;
    }
    yield row;
  }
  yield* added.slice(next);
}
