import { resolve } from '$app/paths';

/** The URL of a run's page. */
export const runHref = (run: string): string => resolve('/runs/[run]', { run });
