// The connection of a followed log. It is made again when it breaks, a little before the break, until the log has ended or may
// not be read any more.

import { api, ApiProblem, ask, type Schemas } from '$lib/api';
import { Stream, type StreamProblem } from '$lib/live/stream';
import { whenVisible } from '$lib/live/visible';
import { named, pathOf, type WorkloadRef } from '$lib/workload/ref';

import { since, type From } from './from';

type End = Schemas['StreamEnd'];

export interface Listener {
  /** Lines come; after a break also lines that came before. */
  live: (again: boolean) => void;
  chunk: (chunk: Schemas['LogChunk']) => void;
  /** It is being made again; `problem` says why it could not be, where that is known. */
  reconnecting: (problem?: ApiProblem) => void;
  /** There will be no more lines. */
  ended: (why: End | ApiProblem) => void;
}

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15_000;

export class Follower {
  #stream: Stream | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #giveUp = new AbortController();
  #pause = FIRST_PAUSE;
  /** When something came last, by this machine's steady clock. */
  #heard: number | undefined;
  /** Why the stream said that it ends. */
  #said: StreamProblem | undefined;

  constructor(
    readonly target: WorkloadRef,
    readonly from: From,
    readonly listener: Listener,
  ) {
    this.#open(from);
  }

  close(): void {
    this.#giveUp.abort();
    this.#stream?.close();
    clearTimeout(this.#timer);
  }

  #open({ tail, sinceSeconds }: From): void {
    const query = new URLSearchParams({ tail: String(tail) });
    if (sinceSeconds !== undefined) {
      query.set('since_seconds', String(sinceSeconds));
    }
    this.#stream = new Stream(`${pathOf(this.target)}/log/watch?${query}`, {
      on: { lines: (chunk: Schemas['LogChunk']) => this.#take(chunk), end: (end: End) => this.#end(end) },
      onproblem: (problem) => (this.#said = problem),
      onstate: (state) => {
        if (state === 'live') this.#live();
        else if (state === 'reconnecting' || state === 'paused') this.#broke();
      },
    });
  }

  #live(): void {
    const again = this.#heard !== undefined;
    this.#heard ??= performance.now();
    this.#pause = FIRST_PAUSE;
    this.#said = undefined;
    this.listener.live(again);
  }

  #take(chunk: Schemas['LogChunk']): void {
    this.#heard = performance.now();
    this.listener.chunk(chunk);
  }

  #end(end: End): void {
    if (end === 'gone') {
      this.close();
      this.listener.ended(end);
    } else {
      // An agent that leaves has others beside it, or comes back.
      this.#broke();
    }
  }

  /** The stream's own way to open again would begin with lines that are there already. */
  #broke(): void {
    this.#stream?.close();
    this.listener.reconnecting(this.#said && new ApiProblem(this.#said));
    this.#lookLater();
  }

  #lookLater(): void {
    clearTimeout(this.#timer);
    const pause = this.#pause * (0.75 + Math.random() / 2);
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
    this.#timer = setTimeout(() => void this.#look(), pause);
  }

  /** An event source does not say why it was refused. A call for the same does, and waits for a sign-in where that is the reason. */
  async #look(): Promise<void> {
    const { signal } = this.#giveUp;
    await whenVisible();
    try {
      signal.throwIfAborted();
      await ask(() => api.POST('/log', { body: { ...named(this.target), tail: 1 }, signal }), signal);
    } catch (error) {
      this.#refused(error);
      return;
    }
    if (!signal.aborted) {
      this.#open(this.#heard === undefined ? this.from : since(performance.now() - this.#heard));
    }
  }

  #refused(error: unknown): void {
    const problem = this.#giveUp.signal.aborted ? undefined : ApiProblem.thrown(error);
    if (problem?.retryable) {
      this.listener.reconnecting(problem);
      this.#lookLater();
    } else if (problem) {
      this.close();
      this.listener.ended(problem);
    }
  }
}
