// How far each container was read, to resume after a disconnect: the new stream starts a little earlier, and the lines of that overlap
// arrive twice.

interface Edge {
  at: string;
  /** Lines with exactly that time. */
  count: number;
}

export class Positions {
  #last = new Map<string, Edge>();
  #overlap = new Map<string, Edge>();

  /** From here on, known lines will arrive again. */
  resume(): void {
    this.#overlap = new Map([...this.#last].map(([source, edge]) => [source, { ...edge }]));
  }

  /** Whether a line is new; call it for each line in order. A line without a time cannot be identified, and counts as new. */
  isNew(source: string, at: string): boolean {
    if (at === '') {
      return true;
    }
    const edge = this.#overlap.get(source);
    if (edge !== undefined) {
      if (at < edge.at) {
        return false;
      }
      if (at === edge.at && edge.count > 0) {
        edge.count -= 1;
        return false;
      }
      if (at > edge.at) {
        this.#overlap.delete(source);
      }
    }
    this.#read(source, at);
    return true;
  }

  #read(source: string, at: string): void {
    const last = this.#last.get(source);
    if (last?.at === at) {
      last.count += 1;
    } else if (last === undefined || last.at < at) {
      this.#last.set(source, { at, count: 1 });
    }
  }
}
