// Batches bursts, so that the UI is rendered a few times a second, however many events there are.

export class Batch<T> {
  #items: T[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Passes on at most `bound` items every `every` milliseconds; if there are more, it passes on none and reports that. */
  constructor(
    readonly every: number,
    readonly bound: number,
    readonly flush: (items: T[]) => void,
    readonly overflow: () => void,
  ) {}

  add(item: T): void {
    this.#items.push(item);
    this.#timer ??= setTimeout(() => this.#due(), this.every);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#items = [];
  }

  #due(): void {
    const items = this.#items;
    this.clear();
    if (items.length > this.bound) {
      this.overflow();
    } else {
      this.flush(items);
    }
  }
}
