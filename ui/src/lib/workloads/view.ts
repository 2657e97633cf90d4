// The state in the table's URL: search, sort order, grouping, and the workload that is open beside it.

export interface View {
  q: string;
  sort: string;
  /** `name` for one row per name. */
  group?: string;
  /** The names of the expanded groups, separated by commas. */
  expanded?: string;
  /** `cluster/namespace/name` */
  open?: string;
}

/** The query of a URL, without default values. */
export function searchOf({ q, sort, group, expanded, open }: View): string {
  const search = new URLSearchParams({
    ...(q && { q }),
    ...(sort !== 'health' && { sort }),
    ...(group && { group }),
    ...(group && expanded && { expanded }),
    ...(open && { open }),
  });
  return search.size > 0 ? `?${search}` : '';
}
