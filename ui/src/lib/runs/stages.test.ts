import { expect, it } from 'vitest';

import { isRest, moved, stageOf, withAnother, type StageRow } from './stages';

const row = (key: number, clusters: string): StageRow => ({
  key,
  name: `s${key}`,
  clusters,
  labels: '',
  approval: false,
});

it('sends patterns as a list, and leaves out what is empty', () => {
  expect(stageOf({ ...row(0, 'prod-eu-*, prod-us-1  x'), name: ' eu ', approval: true })).toEqual({
    name: 'eu',
    clusters: ['prod-eu-*', 'prod-us-1', 'x'],
    approval: true,
  });
  expect(stageOf({ ...row(1, ' '), labels: ' env=prod ' })).toEqual({
    name: 's1',
    cluster_label_selector: 'env=prod',
    approval: false,
  });
  expect(isRest(row(1, ' '))).toBe(true);
});

it('adds the first one with one for the rest, and others before that', () => {
  const first = withAnother([]);
  expect(first.stages.map(({ name }) => name)).toEqual(['stage 1', 'rest']);
  const second = withAnother(first.stages);
  expect(second.stages.map(({ name }) => name)).toEqual(['stage 1', 'stage 2', 'rest']);
  expect(new Set(second.stages.map(({ key }) => key)).size).toBe(3);
  expect(withAnother([row(0, 'a'), row(1, 'b')]).stages.at(-1)?.name).toBe('stage 2');
});

it('moves one, but not beyond the ends', () => {
  const rows = [row(0, 'a'), row(1, 'b'), row(2, 'c')];
  const keys = (rows: StageRow[]) => rows.map(({ key }) => key);
  expect(keys(moved(rows, 0, 1))).toEqual([1, 0, 2]);
  expect(keys(moved(rows, 2, 0))).toEqual([2, 0, 1]);
  expect(moved(rows, 0, -1)).toBe(rows);
  expect(moved(rows, 2, 3)).toBe(rows);
});
