// A stream of server-sent events that reconnects as long as it is in use, and disconnects while the tab is hidden.

import { api, ask, prefix } from '$lib/api';

import { whileVisible } from './visible';

export type StreamState = 'connecting' | 'live' | 'reconnecting' | 'paused' | 'ended';

export interface StreamProblem {
  code: string;
  detail: string;
  retryable: boolean;
}

export interface StreamOptions {
  /** Handlers by event name. */
  on: Record<string, (data: never) => void>;
  onstate?: (state: StreamState) => void;
  onproblem?: (problem: StreamProblem) => void;
  /** Whether the end of the stream is final, as it is for a rollout. */
  ends?: (event: string, data: unknown) => boolean;
}

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15_000;

export class Stream {
  #source: EventSource | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pause = FIRST_PAUSE;
  #closed = false;
  #state: StreamState = 'connecting';
  #leave: () => void;

  constructor(
    readonly url: string,
    readonly options: StreamOptions,
  ) {
    this.#leave = whileVisible(() => {
      this.#open(this.#state === 'paused' ? 'reconnecting' : 'connecting');
      return () => {
        this.#letGo();
        this.#notify('paused');
      };
    });
  }

  close(): void {
    this.#closed = true;
    this.#leave();
  }

  #letGo(): void {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = undefined;
  }

  #open(state: StreamState): void {
    this.#notify(state);
    const source = new EventSource(prefix + this.url);
    this.#source = source;
    source.onopen = () => {
      this.#pause = FIRST_PAUSE;
      this.#notify('live');
    };
    source.onerror = () => this.#broke(source);
    for (const name of Object.keys(this.options.on)) {
      source.addEventListener(name, (event) => this.#take(name, event));
    }
    source.addEventListener('problem', (event) => this.#problem(JSON.parse(event.data)));
  }

  #take(name: string, event: MessageEvent<string>): void {
    const data: unknown = JSON.parse(event.data);
    this.options.on[name]?.(data as never);
    if (this.options.ends?.(name, data)) {
      this.close();
      this.#notify('ended');
    }
  }

  /** The browser reconnects by itself after a lost connection, but not after a response that is not a stream. */
  #broke(source: EventSource): void {
    this.#notify('reconnecting');
    if (source.readyState === EventSource.CLOSED) {
      this.#openLater();
    }
  }

  #problem(problem: StreamProblem): void {
    this.options.onproblem?.(problem);
    if (problem.code === 'unauthenticated') {
      this.#source?.close();
      this.#notify('reconnecting');
      this.#openLater();
    }
  }

  #openLater(): void {
    clearTimeout(this.#timer);
    const pause = this.#pause * (0.75 + Math.random() / 2);
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
    this.#timer = setTimeout(() => void this.#reopen(), pause);
  }

  /** An event source does not report why it was refused; a plain call does, and waits for a sign-in if that is the reason. */
  async #reopen(): Promise<void> {
    try {
      await ask(() => api.GET('/me'));
    } catch {
      if (this.#state !== 'paused') this.#openLater();
      return;
    }
    if (!this.#closed && this.#state !== 'paused') {
      this.#open('reconnecting');
    }
  }

  #notify(state: StreamState): void {
    this.#state = state;
    if (!this.#closed || state === 'ended') {
      this.options.onstate?.(state);
    }
  }
}
