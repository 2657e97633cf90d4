// Labels of clusters, as `env=prod`.

import type { Cluster } from './fleet.svelte';

type Labels = Cluster['labels'];

/** Ordered by key. */
export function textsOf(labels: Labels): string[] {
  return Object.keys(labels)
    .sort()
    .map((key) => `${key}=${labels[key]}`);
}

/** Whether a cluster matches: by a part of its name, or by a label. */
export function finds(text: string, { cluster, labels }: Cluster): boolean {
  const wanted = text.trim();
  return (
    cluster.includes(wanted.toLowerCase()) ||
    (wanted !== '' && textsOf(labels).some((label) => label.startsWith(wanted)))
  );
}

/** Parses labels separated by whitespace or commas; also returns the invalid ones. */
export function parse(text: string): { labels: Labels; wrong: string[] } {
  const words = text.split(/[\s,]+/).filter(Boolean);
  const wrong = words.filter((word) => word.indexOf('=') < 1);
  const right = words.filter((word) => !wrong.includes(word));
  const split = (word: string): [string, string] => [
    word.slice(0, word.indexOf('=')),
    word.slice(word.indexOf('=') + 1),
  ];
  return { labels: Object.fromEntries(right.map(split)), wrong };
}

/** The changes to send: concurrent changes of others are not overwritten. */
export function patch(before: Labels, after: Labels): Record<string, string | null> {
  const removed = Object.keys(before).filter((key) => !(key in after));
  const set = Object.entries(after).filter(([key, value]) => before[key] !== value);
  return Object.fromEntries([...removed.map((key): [string, null] => [key, null]), ...set]);
}
