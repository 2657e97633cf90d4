export interface Column {
  id: string;
  label: string;
  /** A track of a CSS grid, such as `minmax(120px, 2fr)`. */
  width: string;
  /** What the server sorts by for it; the first press sorts so, the second the other way round. */
  sort?: string;
  numeric?: boolean;
  /** The head is for screen readers: what stands below speaks for itself. */
  quiet?: boolean;
}

/** The next order when a column's head is pressed. */
export function toggled(column: Column, sort: string): string {
  return sort === column.sort ? `-${column.sort}` : (column.sort ?? sort);
}

export function direction(column: Column, sort: string): 'ascending' | 'descending' | undefined {
  if (column.sort === undefined) {
    return undefined;
  }
  return sort === column.sort ? 'ascending' : sort === `-${column.sort}` ? 'descending' : undefined;
}
