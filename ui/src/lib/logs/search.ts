// Search in lines: a case-insensitive text, or a regular expression between slashes. Words with a leading minus exclude the lines that
// contain them.

import type { LogRow } from './line';

export interface Part {
  text: string;
  hit: boolean;
}

export interface Search {
  /** Whether there is a search text. */
  finds: boolean;
  /** Only lines without any of these words are shown. */
  excludes: boolean;
  /** Why the query is invalid. */
  problem?: string;
  isHit: (text: string) => boolean;
  isExcluded: (text: string) => boolean;
  /** A line split into parts, in order. */
  parts: (text: string) => Part[];
}

const EXCLUDED = /(?:^|\s)-(\S+)/g;
const REGEX = /^\/(.+)\/$/;

/** Parses a query. */
export function searchOf(query: string): Search {
  const words = [...query.matchAll(EXCLUDED)].map(([, word]) => (word as string).toLowerCase());
  const wanted = query.replace(EXCLUDED, ' ').trim();
  const isExcluded = (text: string) => words.length > 0 && words.some((word) => text.toLowerCase().includes(word));
  const common = { excludes: words.length > 0, isExcluded };
  const [, pattern] = REGEX.exec(wanted) ?? [];
  if (pattern === undefined) {
    const lower = wanted.toLowerCase();
    const isHit = (text: string) => lower !== '' && text.toLowerCase().includes(lower);
    return { ...common, finds: wanted !== '', isHit, parts: (text) => textParts(text, lower) };
  }
  try {
    const regex = new RegExp(pattern, 'giu');
    // Unlike `test`, `search` ignores `lastIndex`.
    const isHit = (text: string) => text.search(regex) >= 0;
    return { ...common, finds: true, isHit, parts: (text) => split(text, text.matchAll(regex)) };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { ...common, finds: true, problem, isHit: () => false, parts: (text) => [{ text, hit: false }] };
  }
}

function textParts(text: string, wanted: string): Part[] {
  const lower = text.toLowerCase();
  // A few letters change length with their case: then the indices do not match, and nothing is highlighted.
  if (wanted === '' || lower.length !== text.length) {
    return [{ text, hit: false }];
  }
  const found: { index: number; 0: string }[] = [];
  for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, at + wanted.length)) {
    found.push({ index: at, 0: wanted });
  }
  return split(text, found);
}

function split(text: string, found: Iterable<{ index: number; 0: string }>): Part[] {
  const parts: Part[] = [];
  let end = 0;
  for (const { index, 0: hit } of found) {
    if (hit === '') continue;
    parts.push({ text: text.slice(end, index), hit: false });
    end = index + hit.length;
    parts.push({ text: text.slice(index, end), hit: true });
  }
  parts.push({ text: text.slice(end), hit: false });
  return parts.filter((part) => part.text !== '');
}

/** The indices of the rows that have a hit. */
export function hits(rows: LogRow[], search: Search): number[] {
  const found: number[] = [];
  if (search.finds) {
    rows.forEach((row, index) => {
      if (row.kind === 'line' && search.isHit(row.text)) {
        found.push(index);
      }
    });
  }
  return found;
}

/** The next hit in one direction, wrapping around; `undefined` without hits. */
export function following(found: number[], row: number, step: 1 | -1): number | undefined {
  return step === 1
    ? (found.find((hit) => hit > row) ?? found[0])
    : (found.findLast((hit) => hit < row) ?? found.at(-1));
}
