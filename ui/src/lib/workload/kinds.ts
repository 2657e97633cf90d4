// The kinds of workloads, by Kubernetes' names.

import type { Schemas } from '$lib/api';

export type Kind = Schemas['WorkloadKind'];

export const kinds: Kind[] = ['Deployment', 'StatefulSet', 'DaemonSet'];

export const isKind = (text: string): text is Kind => (kinds as string[]).includes(text);
