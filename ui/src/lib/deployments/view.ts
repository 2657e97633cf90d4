// What the address of the table says: what is searched for, how it is sorted, and which deployment is open beside it.

export interface View {
  q: string;
  sort: string;
  /** `cluster/namespace/name` */
  open?: string;
}

/** The part of an address after its path, without what is as it is anyway. */
export function searchOf({ q, sort, open }: View): string {
  const search = new URLSearchParams({ ...(q && { q }), ...(sort !== 'health' && { sort }), ...(open && { open }) });
  return search.size > 0 ? `?${search}` : '';
}
