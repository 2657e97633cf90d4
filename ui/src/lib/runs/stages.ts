// The stages of a run: as they are filled in, and as the API wants them.

import type { Schemas } from '$lib/api';

export interface StageRow {
  /** Its own for as long as the dialog is open. */
  key: number;
  name: string;
  /** Patterns of names, with blanks or commas between. */
  clusters: string;
  /** A label selector. */
  labels: string;
  approval: boolean;
}

export function stageOf({ name, clusters, labels, approval }: StageRow): Schemas['Stage'] {
  const patterns = clusters.split(/[\s,]+/).filter(Boolean);
  const selector = labels.trim();
  return {
    name: name.trim(),
    ...(patterns.length > 0 && { clusters: patterns }),
    ...(selector && { cluster_label_selector: selector }),
    approval,
  };
}

/** Whether it is for all clusters that no earlier one selects. */
export const isRest = ({ clusters, labels }: StageRow): boolean => clusters.trim() === '' && labels.trim() === '';

/** Another one, before that for the rest. The first one comes with one for the rest. */
export function withAnother(stages: StageRow[]): { stages: StageRow[]; added: StageRow } {
  const key = Math.max(-1, ...stages.map(({ key }) => key)) + 1;
  const names = new Set(stages.map(({ name }) => name.trim()));
  let number = stages.length === 0 ? 1 : stages.length;
  while (names.has(`stage ${number}`)) number += 1;
  const added = { key, name: `stage ${number}`, clusters: '', labels: '', approval: false };
  const last = stages.at(-1);
  if (last === undefined) {
    return { stages: [added, { ...added, key: key + 1, name: 'rest' }], added };
  }
  return { stages: isRest(last) ? [...stages.slice(0, -1), added, last] : [...stages, added], added };
}

/** The stages with one of them at another position, if there is one. */
export function moved(stages: StageRow[], from: number, to: number): StageRow[] {
  const rows = stages.slice();
  const [row] = rows.splice(from, 1);
  if (row === undefined || to < 0 || to >= stages.length) return stages;
  rows.splice(to, 0, row);
  return rows;
}
