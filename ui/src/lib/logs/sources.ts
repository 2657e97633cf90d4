// The containers of a log: their colours, and short names that distinguish them.

import { sourceId, type Source } from './line';

/** The number of colours in the tokens. */
export const COLOURS = 8;

/** Pods come and go while a log is followed. Above this number, the oldest labels are dropped. */
const MOST = 1_000;

export class Sources {
  #known = new Map<string, Source>();
  #next = 0;

  constructor(readonly workload: string) {}

  get all(): Source[] {
    return [...this.#known.values()];
  }

  /** The container of a line. Consecutive containers have different colours, as far as there are enough. */
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

  /** `x7k2p` of `cart-6d4cf56db6-x7k2p`; with the container if a pod has several. */
  label({ pod, container }: Source): string {
    const last = pod.startsWith(`${this.workload}-`) ? pod.slice(pod.lastIndexOf('-') + 1) : pod;
    const alone = this.all.every((other) => other.pod !== pod || other.container === container);
    return alone ? last : `${last}/${container}`;
  }
}
