// The text typed into the search. The URL is updated when typing pauses: updating it with every letter would take as long as showing the
// results, and browsers refuse a page that changes its URL too often.

const PAUSE = 300;

export class Typing {
  /** The text that is not yet in the URL. */
  text = $state<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `write` puts it into the URL. */
  constructor(readonly write: (text: string) => Promise<void>) {}

  type(text: string): void {
    this.text = text;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.put(text), PAUSE);
  }

  /** Applies a text at once, instead of the typed one. */
  async put(text: string): Promise<void> {
    clearTimeout(this.#timer);
    this.text = text;
    await this.write(text);
    if (this.text === text) {
      this.text = undefined;
    }
  }

  /** Ends the typing. */
  finish(): void {
    if (this.text !== undefined) {
      void this.put(this.text);
    }
  }

  /** Discards text that is not yet in the URL, because the URL changed or the page is left. */
  stop(): void {
    clearTimeout(this.#timer);
    this.text = undefined;
  }
}
