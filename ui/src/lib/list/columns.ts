export interface Column {
  id: string;
  label: string;
  /** A track of a CSS grid, such as `minmax(120px, 2fr)`. */
  width: string;
  /** The server's sort key; the first press sorts by it, the second reverses the order. */
  sort?: string;
  numeric?: boolean;
  /** The heading is only for screen readers: the cells are self-explanatory. */
  quiet?: boolean;
}

/** The next sort order when a column heading is pressed. */
export function toggled(column: Column, sort: string): string {
  return sort === column.sort ? `-${column.sort}` : (column.sort ?? sort);
}

export function direction(column: Column, sort: string): 'ascending' | 'descending' | undefined {
  if (column.sort === undefined) {
    return undefined;
  }
  return sort === column.sort ? 'ascending' : sort === `-${column.sort}` ? 'descending' : undefined;
}
