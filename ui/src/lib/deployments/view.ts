// What the address of the table says: what is searched for, how it is sorted and grouped, and which deployment is open beside it.

export interface View {
  q: string;
  sort: string;
  /** `name` for one row a name. */
  group?: string;
  /** The names of the groups that are open, separated by commas. */
  expanded?: string;
  /** `cluster/namespace/name` */
  open?: string;
}

/** The part of an address after its path, without what is as it is anyway. */
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
