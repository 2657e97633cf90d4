// The visible part of a log. While the user reads further up, the visible lines stay where they are, and new lines are counted.

import type { Log } from './log.svelte';
import type { LogRow } from './line';
import { following, hits, searchOf } from './search';
import { severity } from './severity';

const SETTLES_WITHIN = 2_000;

/** All lines, warnings and errors, or only errors. */
export type Level = '' | 'warn' | 'bad';

export class LogView {
  rows = $state.raw<LogRow[]>([]);
  /** Scrolled to the end, and staying there. */
  following = $state(true);
  newLines = $state(0);
  query = $state('');
  onlyHits = $state(false);
  /** The hidden containers, by id. */
  #hidden = $state.raw<Set<string>>(new Set());
  /** The only container shown, by id, also when others appear later. */
  only = $state('');
  /** The row of the current hit. */
  current = $state<number>();
  /** The minimum level shown. */
  level = $state<Level>('');
  readonly search = $derived(searchOf(this.query));
  readonly hits = $derived(hits(this.rows, this.search));
  readonly hitNumber = $derived(this.current === undefined ? 0 : this.hits.indexOf(this.current) + 1);
  #newest = 0;

  /** The start position, until the first lines are loaded or the user scrolls. */
  #start: string | undefined;
  #settledAt = 0;

  constructor(
    readonly log: Log,
    start?: string,
  ) {
    this.#start = start;
    this.following = start === undefined;
  }

  /** Called when there are new rows. */
  update(): void {
    if (this.#start !== undefined) {
      this.#begin(this.#start);
    } else if (this.following) {
      this.draw();
    } else {
      this.newLines = this.#wanted().filter(({ id, kind }) => id > this.#newest && kind === 'line').length;
    }
  }

  /** Lines of several containers arrive one container after the other. */
  #begin(start: string): void {
    this.draw();
    const first = this.rows.findIndex((row) => row.kind === 'line' && row.at >= start);
    if (first < 0) return;
    this.current = first;
    this.#settledAt ||= performance.now() + SETTLES_WITHIN;
    if (performance.now() > this.#settledAt) this.#start = undefined;
  }

  draw(): void {
    this.rows = this.#wanted();
    this.#newest = this.rows.reduce((newest, { id }) => Math.max(newest, id), 0);
    this.newLines = 0;
    this.current = undefined;
  }

  /** Whether some lines of the shown containers are hidden. */
  get #narrowed(): boolean {
    return this.onlyHits || this.search.excludes || this.level !== '';
  }

  look(query: string, level: Level): void {
    const before = this.#narrowed;
    [this.query, this.level, this.current] = [query, level, undefined];
    if (before || this.#narrowed) {
      this.draw();
    }
  }

  /** Goes to the next hit, or the previous one; first to the newest. */
  go(step: 1 | -1): void {
    const next = this.current === undefined ? this.hits.at(-1) : following(this.hits, this.current, step);
    if (next !== undefined) {
      this.pause();
      this.current = next;
    }
  }

  resume(): void {
    this.#start = undefined;
    this.following = true;
    this.draw();
  }

  pause(): void {
    this.#start = undefined;
    this.following = false;
  }

  shows(source: string): boolean {
    return this.only ? source === this.only : !this.#hidden.has(source);
  }

  /** Toggles one container. */
  show(source: string, shown: boolean): void {
    const hidden = this.log.sources.all.map(({ id }) => id).filter((id) => !this.shows(id) && id !== source);
    this.only = '';
    this.#hidden = new Set(shown ? hidden : [...hidden, source]);
    this.draw();
  }

  /** Shows only one container; without an argument, all of them. */
  showOnly(source: string): void {
    if (source === this.only) return;
    this.only = source;
    this.#hidden = new Set();
    this.draw();
  }

  #wanted(): LogRow[] {
    const { rows } = this.log.buffer;
    const showsAll = !this.only && this.#hidden.size === 0;
    const shown = showsAll ? rows.slice() : rows.filter((row) => row.kind === 'note' || this.shows(row.source.id));
    const { search, level } = this;
    const onlyHits = this.onlyHits && search.finds;
    if (!onlyHits && !search.excludes && level === '') {
      return shown;
    }
    return shown.filter(({ kind, text }) => {
      if (kind === 'note') return !onlyHits;
      return (!onlyHits || search.isHit(text)) && !search.isExcluded(text) && isOf(level, text);
    });
  }
}

function isOf(level: Level, text: string): boolean {
  const grave = level === '' ? '' : severity(text);
  return level === grave || (level === 'warn' && grave === 'bad');
}
