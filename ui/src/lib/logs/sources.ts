// The containers of a log: their colours, and short names by which they are told apart.

import { sourceId, type Source } from './line';

/** How many colours the tokens have for them. */
export const COLOURS = 8;

/** Pods come and go while a log is followed. The labels of those that are known longest are let go above this. */
const MOST = 1_000;

export class Sources {
  #known = new Map<string, Source>();
  #next = 0;

  constructor(readonly deployment: string) {}

  get all(): Source[] {
    return [...this.#known.values()];
  }

  /** The container of a line. Those that begin one after the other have different colours, as far as there are enough. */
  of(line: { pod: string; container: string }): Source {
    const id = sourceId(line);
    const known = this.#known.get(id);
    if (known !== undefined) {
      return known;
    }
    const source = { id, pod: line.pod, container: line.container, colour: this.#next++ % COLOURS };
    this.#known.set(id, source);
    if (this.#known.size > MOST) {
      this.#known.delete(this.#known.keys().next().value as string);
    }
    return source;
  }

  /** `x7k2p` of `cart-6d4cf56db6-x7k2p`; with the container where a pod has more than one. */
  label({ pod, container }: Source): string {
    const last = pod.startsWith(`${this.deployment}-`) ? pod.slice(pod.lastIndexOf('-') + 1) : pod;
    const alone = this.all.every((other) => other.pod !== pod || other.container === container);
    return alone ? last : `${last}/${container}`;
  }
}
