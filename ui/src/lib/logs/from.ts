// From where on a log is read. Kept in the address, so it has a name there.

export interface From {
  id: string;
  label: string;
  /** The last so many lines of each container. */
  tail: number;
  sinceSeconds?: number;
}

/** The most lines of one container that the API gives. */
const MOST = 10_000;

export const froms = [
  { id: '100', label: 'Last 100 lines of each', tail: 100 },
  { id: '1000', label: 'Last 1,000 lines of each', tail: 1_000 },
  { id: '1m', label: 'Last minute', tail: MOST, sinceSeconds: 60 },
  { id: '15m', label: 'Last 15 minutes', tail: MOST, sinceSeconds: 900 },
  { id: '1h', label: 'Last hour', tail: MOST, sinceSeconds: 3_600 },
  { id: '1d', label: 'Last day', tail: MOST, sinceSeconds: 86_400 },
  { id: 'all', label: 'All that there is', tail: MOST },
] as const satisfies From[];

/** By its name in the address. What is no such name is as if there were none. */
export function fromNamed(id: string | null): From {
  return froms.find((from) => from.id === id) ?? froms[0];
}

/** To go on after a break: what was written since `silentFor` milliseconds ago, and a little more. */
export function since(silentFor: number): From {
  const OVERLAP = 10;
  return { id: '', label: '', tail: MOST, sinceSeconds: Math.ceil(silentFor / 1_000) + OVERLAP };
}
