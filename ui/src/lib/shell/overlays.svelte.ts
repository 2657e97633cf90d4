// What lies over the page. An overlay has the keyboard from the moment it is wanted, also while its code still comes: no key that
// was meant for it reaches the page beneath.

interface Overlay {
  close: () => void;
  /** What is typed before it has the focus. */
  type?: (key: string) => void;
}

/** These move the focus, or are the browser's. */
const PASSED = /^(Tab|F\d+)$/;

class Overlays {
  palette = $state(false);
  keys = $state(false);
  /** What is written in the palette. It takes keys before the palette itself is there. */
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

  /** Until the function that it answers with is called. */
  enter(overlay: Overlay): () => void {
    this.#wanted.push(overlay);
    return () => (this.#wanted = this.#wanted.filter((other) => other !== overlay));
  }

  /** Sees every key first. */
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
