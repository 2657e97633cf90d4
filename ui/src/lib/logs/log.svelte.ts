// A log that is read once, or followed: its rows, and its state. Rows are many and arrive fast; the UI is notified of new ones a few
// times a second.

import { api, ApiProblem, ask, type Schemas } from '$lib/api';
import { duration } from '$lib/time/age';
import { named, type WorkloadRef } from '$lib/workload/ref';

import { LogBuffer } from './buffer';
import type { LogContainer } from './containers';
import { Follower } from './follower';
import type { From } from './from';
import { inert, sortable, type LogText } from './line';
import { Positions } from './position';
import { Sources } from './sources';

export type LogState = 'connecting' | 'live' | 'reconnecting' | 'ended';

/** Appended to a line that was truncated on the way here. */
const CUT = ' … (truncated: a line is shown up to 16 KiB)';

const BOUNDS = { lines: 50_000, characters: 32_000_000 };
const DRAWN_EVERY = 100;

/** Above this number, deleted containers are dropped. */
const CONTAINERS = 500;

export class Log {
  state = $state<LogState>('connecting');
  /** Why it ended, or why no lines arrive. */
  problem = $state.raw<ApiProblem>();
  /** Incremented when `buffer` has new rows. */
  drawn = $state(0);
  readonly buffer = new LogBuffer(BOUNDS);
  /** The state of each container, by its id; above a bound, deleted ones are left out. */
  containers = $state.raw(new Map<string, LogContainer>());
  readonly sources: Sources;
  #positions = new Positions();
  #latest = new Map<string, string>();
  #added = 0;
  #cutAt: number | undefined;
  #notFollowed = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #follower: Follower | undefined;
  #reading = new AbortController();

  constructor(readonly target: WorkloadRef) {
    this.sources = new Sources(target.name);
  }

  follow(from: From): void {
    this.#follower = new Follower(this.target, from, {
      live: (again) => this.#live(again),
      chunk: (chunk) => this.#chunk(chunk),
      reconnecting: (problem) => this.#silent(problem),
      ended: (why) => this.#ended(why),
    });
  }

  /** Reads a log with an end: a time window, or the previous run of each container. */
  async read({ tail, sinceSeconds, at, to }: From, previous: boolean): Promise<void> {
    const which = { tail, since_seconds: sinceSeconds, until: to, previous };
    const body = { ...named(this.target), ...which };
    const { signal } = this.#reading;
    try {
      const answer = await ask(() => api.POST('/log', { body, signal }), signal);
      if ('lines' in answer) {
        // The API starts at a whole second, by its own clock.
        const lines = answer.lines.filter(({ time }) => !to || !time || within(sortable(time), at, to));
        this.#whole({ ...answer, lines });
        if (to) this.#endOf(to);
      }
      this.state = 'ended';
    } catch (error) {
      if (!signal.aborted) {
        this.#ended(ApiProblem.thrown(error));
      }
    }
  }

  close(): void {
    this.#follower?.close();
    this.#reading.abort();
    clearTimeout(this.#timer);
  }

  #whole({ lines, truncated, containers }: Extract<Schemas['LogReply'], { lines: unknown }>): void {
    if (truncated) {
      this.#note('warn', 'Older lines were left out: there are too many for one response.');
    }
    this.#apply(containers ?? []);
    this.#add(lines);
  }

  #endOf(to: string): void {
    const end = new Date(to).toLocaleString(undefined, { timeZoneName: 'short' });
    const isOver = Date.parse(to) <= Date.now();
    this.#note('idle', isOver ? `The window ends here: ${end}.` : `The window ends at ${end}, which is yet to come.`);
  }

  #live(again: boolean): void {
    if (again && this.#cutAt !== undefined) {
      const seconds = (performance.now() - this.#cutAt) / 1_000;
      this.#note('idle', `The stream was cut for ${duration(seconds)} and goes on from there.`);
    }
    this.#cutAt = undefined;
    this.problem = undefined;
    this.state = 'live';
  }

  #chunk({ lines, containers, dropped, not_followed = 0 }: Schemas['LogChunk']): void {
    if (not_followed > this.#notFollowed) {
      const what = not_followed === 1 ? '1 container is' : `${not_followed.toLocaleString()} containers are`;
      this.#note('warn', `${what} not followed: there are too many. Choose one container.`);
    }
    this.#notFollowed = not_followed;
    if (dropped) {
      const what = dropped === 1 ? '1 line was' : `${dropped.toLocaleString()} lines were`;
      this.#note('warn', `${what} dropped here: they came faster than they could be read.`);
    }
    this.#apply(containers ?? []);
    this.#add(lines ?? []);
  }

  #apply(changed: LogContainer[]): void {
    if (changed.length === 0) return;
    const all = new Map(this.containers);
    for (const container of changed) {
      const { id } = this.sources.of(container);
      if (container.gone && all.size >= CONTAINERS) all.delete(id);
      else all.set(id, container);
    }
    this.containers = all;
    this.#draw();
  }

  #silent(problem: ApiProblem | undefined): void {
    if (this.state === 'live') {
      this.#cutAt = performance.now();
      this.#positions.resume();
    }
    this.problem = problem ?? this.problem;
    this.state = 'reconnecting';
  }

  #ended(why: Schemas['StreamEnd'] | ApiProblem | undefined): void {
    const gone = 'The workload is gone.';
    this.problem = why instanceof ApiProblem ? why : new ApiProblem({ code: 'not_found', title: gone, detail: gone });
    this.state = 'ended';
  }

  #add(wire: Schemas['LogLine'][]): void {
    const lines: LogText[] = [];
    for (const line of wire) {
      const source = this.sources.of(line);
      const time = sortable(line.time);
      if (this.#positions.isNew(source.id, time)) {
        lines.push({
          kind: 'line',
          id: ++this.#added,
          at: this.#inOrder(source.id, time),
          source,
          text: inert(line.text) + (line.truncated ? CUT : ''),
        });
      }
    }
    if (lines.length > 0) {
      this.buffer.add(lines);
      this.#draw();
    }
  }

  /** Never earlier than the previous line: within a container the order decides. */
  #inOrder(source: string, time: string): string {
    const latest = this.#latest.get(source) ?? '';
    const at = time > latest ? time : latest;
    this.#latest.set(source, at);
    return at;
  }

  #note(tone: 'idle' | 'warn', text: string): void {
    this.buffer.note({ kind: 'note', id: ++this.#added, tone, text });
    this.#draw();
  }

  #draw(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.drawn += 1;
    }, DRAWN_EVERY);
  }
}

function within(time: string, from: string | undefined, to: string): boolean {
  return time >= (from ?? '') && time <= to;
}
