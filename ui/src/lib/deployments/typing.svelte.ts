// What is typed into the search. The address follows when the typing pauses: done with every letter, it would take as long as showing
// what was found, and browsers refuse a page that changes its address too often.

const PAUSE = 300;

export class Typing {
  /** What is typed and not in the address yet. */
  text = $state<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `onpause` puts it into the address. */
  constructor(readonly onpause: (text: string) => Promise<void>) {}

  type(text: string): void {
    this.text = text;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#settle(text), PAUSE);
  }

  /** Lets go of what is not in the address yet: the address was changed otherwise, or is left. */
  stop(): void {
    clearTimeout(this.#timer);
    this.text = undefined;
  }

  async #settle(text: string): Promise<void> {
    await this.onpause(text);
    if (this.text === text) {
      this.text = undefined;
    }
  }
}
