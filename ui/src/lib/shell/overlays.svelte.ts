// Overlays over the page. An overlay has the keyboard as soon as it is requested, also while its code is loading: no key that was meant
// for it reaches the page beneath.

interface Overlay {
  close: () => void;
  /** Receives typed text before it has the focus. */
  type?: (key: string) => void;
}

/** These move the focus, or belong to the browser. */
const PASSED = /^(Tab|F\d+)$/;

class Overlays {
  palette = $state(false);
  keys = $state(false);
  /** The text in the palette. It receives keys before the palette itself is rendered. */
  text = $state('');
  #wanted: Overlay[] = [];

  togglePalette(): void {
    this.palette = !this.palette;
    this.text = '';
  }

  type(key: string): void {
    if (key === 'Backspace') this.text = this.text.slice(0, -1);
    else if (key.length === 1) this.text += key;
  }

  /** Open until the returned function is called. */
  enter(overlay: Overlay): () => void {
    this.#wanted.push(overlay);
    return () => (this.#wanted = this.#wanted.filter((other) => other !== overlay));
  }

  /** Receives every key first. */
  capture(event: KeyboardEvent): void {
    const top = this.#wanted.at(-1);
    if (top === undefined || hasFocus() || event.ctrlKey || event.metaKey || event.altKey || PASSED.test(event.key)) {
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    if (event.key === 'Escape') top.close();
    else top.type?.(event.key);
  }
}

function hasFocus(): boolean {
  return document.activeElement?.closest('[role="dialog"], [role="alertdialog"]') != null;
}

export const overlays = new Overlays();
