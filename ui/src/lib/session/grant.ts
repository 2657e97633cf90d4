import type { Schemas } from '$lib/api';

type Grant = Schemas['MyGrant'];

/** Whether a grant gives a right there; without a cluster or namespace, in any. */
export function covers(grant: Grant, right: Grant['rights'][number], cluster?: string, namespace?: string): boolean {
  return grant.rights.includes(right) && reaches(grant, cluster) && anyMatches(grant.namespaces, namespace);
}

/** Whether a grant gives a right in all clusters and namespaces, including future ones. */
export function coversAll(grant: Grant, right: Grant['rights'][number]): boolean {
  const all = (patterns: string[]) => patterns.some((pattern) => /^\*+$/.test(pattern));
  return grant.rights.includes(right) && !grant.cluster_labels && all(grant.clusters) && all(grant.namespaces);
}

/** Only the server knows which clusters have the labels of a grant. */
function reaches({ clusters, labelled_clusters }: Grant, cluster: string | undefined): boolean {
  return labelled_clusters && cluster !== undefined
    ? labelled_clusters.includes(cluster)
    : anyMatches(clusters, cluster);
}

function anyMatches(patterns: string[], name: string | undefined): boolean {
  return name === undefined || patterns.some((pattern) => matches(pattern, name));
}

/** Whether a name matches a pattern in which `*` stands for any characters. */
export function matches(pattern: string, name: string): boolean {
  const [head = '', ...rest] = pattern.split('*');
  const tail = rest.pop();
  if (tail === undefined) {
    return head === name;
  }
  let at = name.startsWith(head) ? head.length : -1;
  for (const part of rest) {
    const found = at < 0 ? -1 : name.indexOf(part, at);
    at = found < 0 ? -1 : found + part.length;
  }
  return at >= 0 && name.length - tail.length >= at && name.endsWith(tail);
}
