import type { Column } from '$lib/list/columns';

export const columns: Column[] = [
  { id: 'state', label: 'State', width: '132px' },
  { id: 'what', label: 'What', width: 'minmax(180px, 1.3fr)' },
  { id: 'progress', label: 'Progress', width: 'minmax(80px, 0.6fr)' },
  { id: 'done', label: 'Done', width: 'minmax(170px, 1.5fr)' },
  { id: 'reason', label: 'Reason', width: 'minmax(80px, 1.3fr)' },
  { id: 'user', label: 'Who', width: 'minmax(70px, 0.5fr)' },
  { id: 'created', label: 'When', width: '92px' },
];
