// Workloads by name as table rows: each group, followed by its workloads while it is expanded.

import type { Schemas } from '$lib/api';
import { healths, type HealthCounts } from '$lib/fleet/totals';
import type { Resource } from '$lib/list/resource.svelte';
import { isKind } from '$lib/workload/kinds';

import { shortImage } from '../columns';
import type { FleetWorkload } from '../match';

export type Group = Schemas['WorkloadGroup'];

/** A placeholder for workloads that are not loaded, or not all. */
export interface Note {
  /** The group. */
  of: Named;
  what: 'reading' | 'failed' | 'more';
}

export type Row = Group | Note | FleetWorkload;

export const isGroup = (row: Row): row is Group => 'version_count' in row;
export const isNote = (row: Row): row is Note => 'what' in row;

/** The workloads of an expanded group, as far as loaded. */
type Members = Pick<Resource<Schemas['FleetPage']>, 'value' | 'problem'>;

/** What the workloads of a group have in common. */
export type Named = Pick<Group, 'kind' | 'name'>;

/** `name` for deployments, `kind/name` for others: unique per group, and in URLs. */
export const idOfGroup = ({ kind, name }: Named): string => (kind === 'Deployment' ? name : `${kind}/${name}`);

/** The inverse; `undefined` for an invalid id. */
export function groupOf(id: string): Named | undefined {
  const [kind, name] = id.includes('/') ? id.split('/', 2) : ['Deployment', id];
  return kind && isKind(kind) && name ? { kind, name } : undefined;
}

export function rowsOf(groups: Group[], open: ReadonlyMap<string, Members>): Row[] {
  return groups.flatMap((group) => {
    const members = open.get(idOfGroup(group));
    return members ? [group, ...below(group, members)] : [group];
  });
}

function below(of: Named, { value, problem }: Members): (Note | FleetWorkload)[] {
  if (value === undefined) {
    return [{ of, what: problem ? 'failed' : 'reading' }];
  }
  return value.continue ? [...value.items, { of, what: 'more' }] : value.items;
}

/** The worst health in the group. */
export function worst(group: Group): Schemas['Health'] {
  return healths.find((health) => (group.health as HealthCounts)[health]) ?? 'unknown';
}

/** Counts by health in words, worst first, healthy only if nothing else: "2 failed, 1 degraded". */
export function troubleOf(group: Group): string {
  const counts = Object.entries(group.health).filter(([health]) => health !== 'healthy');
  return counts.map(([health, count]) => `${count.toLocaleString()} ${health}`).join(', ');
}

/** The name of the version, or how many there are: "cart:1.4", "2 versions: cart:1.4 in 10 clusters, cart:1.5 in 2". */
export function versionsOf({ version_count: count, versions }: Group): string {
  const name = ({ images }: (typeof versions)[number]) => images.map(shortImage).join(', ');
  const [only] = versions;
  if (count === 1 && only) {
    return name(only);
  }
  const shown = versions.map((version) => `${name(version)} in ${counted(version.clusters, 'cluster')}`);
  const more = count > versions.length ? [`and ${count - versions.length} more`] : [];
  return `${count} versions: ${[...shown, ...more].join(', ')}`;
}

export function counted(count: number, what: string): string {
  return `${count.toLocaleString()} ${what}${count === 1 ? '' : 's'}`;
}
