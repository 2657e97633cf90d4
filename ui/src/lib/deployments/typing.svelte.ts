// What is typed into the search. The address follows when the typing pauses: done with every letter, it would take as long as showing
// what was found, and browsers refuse a page that changes its address too often.

const PAUSE = 300;

export class Typing {
  /** What is to stand in the address and does not yet. */
  text = $state<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `write` puts it into the address. */
  constructor(readonly write: (text: string) => Promise<void>) {}

  type(text: string): void {
    this.text = text;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.put(text), PAUSE);
  }

  /** At once, instead of what was typed. */
  async put(text: string): Promise<void> {
    clearTimeout(this.#timer);
    this.text = text;
    await this.write(text);
    if (this.text === text) {
      this.text = undefined;
    }
  }

  /** Nothing more is typed. */
  finish(): void {
    if (this.text !== undefined) {
      void this.put(this.text);
    }
  }

  /** Lets go of what is not in the address yet: the address was changed otherwise, or is left. */
  stop(): void {
    clearTimeout(this.#timer);
    this.text = undefined;
  }
}
