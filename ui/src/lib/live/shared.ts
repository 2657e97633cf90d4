// One stream for all tabs of a browser: one of the visible tabs holds the connection and passes the events to the others. A browser lock
// elects it; when that tab is closed or hidden, the next one takes over.

import { Stream, type StreamOptions, type StreamState } from './stream';
import { whileVisible } from './visible';

type Message = { state: StreamState } | { name: string; data: unknown } | 'which state?';

export class SharedStream {
  #leave: () => void;

  /** Shared with the tabs that use the same `name`. Its `reset` is called whenever something may have been missed. */
  constructor(
    readonly name: string,
    readonly url: string,
    readonly options: Omit<StreamOptions, 'ends'>,
  ) {
    // Browsers support locks only for pages over HTTPS or on localhost; elsewhere each tab has its own stream.
    this.#leave = whileVisible(() => ('locks' in navigator ? this.#join() : this.#connect(() => {})));
  }

  close(): void {
    this.#leave();
  }

  #connect(publish: (message: Message) => void, onstate: (state: StreamState) => void = () => {}): () => void {
    const publishState = (state: StreamState) => {
      onstate(state);
      this.options.onstate?.(state);
      publish({ state });
    };
    const on = Object.fromEntries(
      Object.keys(this.options.on).map((name) => [
        name,
        (data: never) => {
          this.options.on[name]?.(data);
          publish({ name, data });
        },
      ]),
    );
    const stream = new Stream(this.url, { ...this.options, on, onstate: publishState });
    return () => stream.close();
  }

  /** Returns the function that leaves again. */
  #join(): () => void {
    const channel = new BroadcastChannel(this.name);
    const publish = (message: Message) => channel.postMessage(message);
    const left = new AbortController();
    let leads = false;
    let state: StreamState = 'connecting';
    const hear = (now: StreamState) => {
      // Events before the connection was open, or while another tab took it over, were not received here.
      if (now === 'live' && state !== 'live') this.options.on.reset?.(undefined as never);
      state = now;
      this.options.onstate?.(now);
    };
    channel.onmessage = ({ data: message }: MessageEvent<Message>) => {
      if (message === 'which state?') {
        if (leads) publish({ state });
      } else if (!leads) {
        if ('state' in message) hear(message.state);
        else this.options.on[message.name]?.(message.data as never);
      }
    };
    this.options.onstate?.('connecting');
    publish('which state?');
    const lead = () => {
      leads = true;
      const disconnect = this.#connect(publish, (now) => (state = now));
      return new Promise<void>((resolve) => {
        left.signal.addEventListener('abort', () => {
          disconnect();
          channel.close();
          resolve();
        });
      });
    };
    // Rejected with the signal's reason if it leaves before it leads.
    navigator.locks.request(this.name, { signal: left.signal }, lead).catch(() => channel.close());
    return () => {
      left.abort();
      this.options.onstate?.('paused');
    };
  }
}
