import type { Column } from '$lib/list/columns';

export const columns: Column[] = [
  { id: 'state', label: 'State', width: '132px' },
  { id: 'what', label: 'What', width: 'minmax(150px, 1.2fr)' },
  { id: 'progress', label: 'Progress', width: 'minmax(120px, 1fr)' },
  { id: 'done', label: 'Done', width: 'minmax(120px, 1fr)' },
  { id: 'reason', label: 'Reason', width: 'minmax(80px, 1.6fr)' },
  { id: 'user', label: 'Who', width: 'minmax(70px, 0.6fr)' },
  { id: 'created', label: 'When', width: '92px' },
];
