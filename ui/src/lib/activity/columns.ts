import type { Column } from '$lib/list/columns';

export const columns: Column[] = [
  { id: 'time', label: 'When', width: '92px' },
  { id: 'user', label: 'Who', width: 'minmax(70px, 0.8fr)' },
  { id: 'verb', label: 'What', width: 'minmax(70px, 0.6fr)' },
  { id: 'target', label: 'Where', width: 'minmax(160px, 3.2fr)' },
  { id: 'outcome', label: 'Outcome', width: '112px' },
  { id: 'rollout', label: 'Rollout', width: '112px' },
  { id: 'detail', label: 'Reason, detail', width: 'minmax(80px, 2fr)' },
  { id: 'address', label: 'From', width: 'minmax(70px, 0.8fr)' },
  { id: 'ids', label: 'Operation, request', width: '184px' },
];
