// Finding text in lines. Letters match in both cases.

import type { LogRow } from './line';

/** The places of the rows that contain the text. */
export function hits(rows: LogRow[], query: string): number[] {
  const wanted = query.toLowerCase();
  const found: number[] = [];
  if (wanted === '') {
    return found;
  }
  rows.forEach((row, index) => {
    if (row.kind === 'line' && row.text.toLowerCase().includes(wanted)) {
      found.push(index);
    }
  });
  return found;
}

export interface Part {
  text: string;
  hit: boolean;
}

/** A line in parts, which make up the whole line in their order. */
export function parts(text: string, query: string): Part[] {
  const [lower, wanted] = [text.toLowerCase(), query.toLowerCase()];
  // A few letters have more than one in the other case: then places do not fit, and nothing is marked.
  if (wanted === '' || lower.length !== text.length) {
    return [{ text, hit: false }];
  }
  const found: Part[] = [];
  let end = 0;
  for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, end)) {
    found.push({ text: text.slice(end, at), hit: false });
    end = at + wanted.length;
    found.push({ text: text.slice(at, end), hit: true });
  }
  found.push({ text: text.slice(end), hit: false });
  return found.filter((part) => part.text !== '');
}

/** The hit that follows in one direction, round the end; `undefined` without hits. */
export function following(found: number[], row: number, step: 1 | -1): number | undefined {
  return step === 1
    ? (found.find((hit) => hit > row) ?? found[0])
    : (found.findLast((hit) => hit < row) ?? found.at(-1));
}
