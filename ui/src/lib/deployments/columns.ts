import type { Column } from '$lib/list/columns';

export const columns: Column[] = [
  { id: 'name', label: 'Deployment', width: 'minmax(120px, 1.8fr)', sort: 'name' },
  { id: 'health', label: 'Health', width: '104px', sort: 'health' },
  { id: 'replicas', label: 'Ready', width: '132px' },
  { id: 'cluster', label: 'Cluster', width: 'minmax(110px, 1.4fr)' },
  { id: 'namespace', label: 'Namespace', width: 'minmax(80px, 1fr)' },
  { id: 'images', label: 'Images', width: 'minmax(130px, 1.6fr)' },
  { id: 'reason', label: 'Reason', width: 'minmax(80px, 2fr)' },
  { id: 'restarted', label: 'Restarted', width: '84px', sort: '-restarted_at' },
  { id: 'created', label: 'Age', width: '72px', sort: 'age' },
  { id: 'actions', label: 'Actions', width: 'var(--actions)', quiet: true },
];

/** Columns that can be hidden. */
export const optional = columns.filter(({ id }) => id !== 'name' && id !== 'actions');

/** Columns that identify the deployment, and its health. */
export const telling = ['name', 'health', 'replicas', 'cluster'];

/** The last part of an image, by which people know it. */
export function shortImage(image: string): string {
  const name = image.slice(image.lastIndexOf('/') + 1);
  const [tagged, digest] = name.split('@sha256:');
  return digest && !tagged?.includes(':') ? `${tagged}@${digest.slice(0, 8)}` : (tagged ?? name);
}
