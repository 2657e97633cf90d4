import { isKind, type Kind } from '$lib/workload/kinds';

/** Other kinds have no page. */
export const match = (text: string): text is Kind => isKind(text);
