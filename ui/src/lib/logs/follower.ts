// The connection of a followed log. It reconnects with a short overlap when it breaks, until the log has ended or may no longer be read.

import { api, ApiProblem, ask, type Schemas } from '$lib/api';
import { Stream, type StreamProblem } from '$lib/live/stream';
import { whenVisible } from '$lib/live/visible';
import { named, pathOf, type WorkloadRef } from '$lib/workload/ref';

import { since, type From } from './from';

type End = Schemas['StreamEnd'];

export interface Listener {
  /** New lines; after a reconnect also lines that were received before. */
  live: (again: boolean) => void;
  chunk: (chunk: Schemas['LogChunk']) => void;
  /** It is reconnecting; `problem` is the reason of the failure, if known. */
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
  /** When the last chunk arrived, by this machine's monotonic clock. */
  #heard: number | undefined;
  /** The reason that the stream gave for its end. */
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
      // When an agent shuts down, another replica takes over, or it comes back.
      this.#broke();
    }
  }

  /** The stream's own reconnect would start with lines that are already here. */
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

  /** An event source does not report why it was refused. The same call by `fetch` does, and waits for a sign-in if that is the reason. */
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
