import type { Column } from '$lib/list/columns';

export const columns: Column[] = [
  { id: 'name', label: 'Workload', width: 'minmax(96px, 1.8fr)', sort: 'name' },
  { id: 'kind', label: 'Kind', width: '82px' },
  { id: 'health', label: 'Health', width: '104px', sort: 'health' },
  { id: 'replicas', label: 'Ready', width: '132px' },
  { id: 'cluster', label: 'Cluster', width: 'minmax(100px, 1.4fr)' },
  { id: 'namespace', label: 'Namespace', width: 'minmax(74px, 1fr)' },
  { id: 'images', label: 'Images', width: 'minmax(100px, 1.6fr)' },
  { id: 'reason', label: 'Reason', width: 'minmax(68px, 2fr)' },
  { id: 'restarted', label: 'Restarted', width: '76px', sort: '-restarted_at' },
  { id: 'created', label: 'Age', width: '72px', sort: 'age' },
  { id: 'actions', label: 'Actions', width: 'var(--actions)', quiet: true },
];

/** Columns that can be hidden. */
export const optional = columns.filter(({ id }) => id !== 'name' && id !== 'actions');

/** Columns that identify the workload, and its health. */
export const telling = ['name', 'kind', 'health', 'replicas', 'cluster'];

/** The last part of an image, by which people know it. */
export function shortImage(image: string): string {
  const name = image.slice(image.lastIndexOf('/') + 1);
  const [tagged, digest] = name.split('@sha256:');
  return digest && !tagged?.includes(':') ? `${tagged}@${digest.slice(0, 8)}` : (tagged ?? name);
}
