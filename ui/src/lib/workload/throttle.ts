/** Runs something soon after a request, at most once every `every` milliseconds. */
export class Throttle {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #last = -Infinity;

  constructor(
    readonly every: number,
    readonly run: () => void,
  ) {}

  soon(): void {
    const wait = Math.max(0, this.#last + this.every - performance.now());
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#last = performance.now();
      this.run();
    }, wait);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
