import { goto } from '$app/navigation';
import { resolve } from '$app/paths';
import { prefix } from '$lib/api';
import { fleet } from '$lib/fleet/fleet.svelte';
import { sortClusters } from '$lib/fleet/order';
import { settings, type Theme } from '$lib/settings/settings.svelte';
import { session } from '$lib/session/session.svelte';
import { pages } from '$lib/shell/pages';
import type { StateName } from '$lib/State.svelte';

export interface Item {
  id: string;
  label: string;
  hint?: string;
  /** Its health, and when that was last known if it is unknown now. */
  state?: StateName;
  lost?: string;
  run: () => void;
}

export interface Group {
  heading: string;
  items: Item[];
}

const CLUSTERS_SHOWN = 8;

/** Commands that match the text. */
export function commands(text: string): Group[] {
  const wanted = text.trim().toLowerCase();
  const fits = ({ label, hint, state }: Item) => `${label} ${hint ?? ''} ${state ?? ''}`.toLowerCase().includes(wanted);
  return [
    { heading: 'Go to', items: pageItems().filter(fits) },
    { heading: 'Saved views', items: views().filter(fits) },
    { heading: 'Clusters', items: wanted === '' ? [] : clusters().filter(fits).slice(0, CLUSTERS_SHOWN) },
    { heading: 'Commands', items: settingsAndSession().filter(fits) },
  ];
}

/** Navigates to a page of the UI, given as its path below the root. */
function to(path: string): () => void {
  return () => void goto(resolve('/') + path);
}

function pageItems(): Item[] {
  return pages.map(({ path, label, keys }) => ({ id: `page ${path}`, label, hint: keys, run: to(path.slice(1)) }));
}

function views(): Item[] {
  return settings.views.map(({ name, search }) => ({
    id: `view ${name}`,
    label: name,
    run: to(`workloads${search}`),
  }));
}

function clusters(): Item[] {
  return sortClusters(fleet.all, 'worst').map(({ cluster, presence }) => ({
    id: `cluster ${cluster}`,
    label: cluster,
    state: presence,
    run: to(`workloads?q=${encodeURIComponent(`cluster:${cluster}`)}`),
  }));
}

function settingsAndSession(): Item[] {
  const theme = (theme: Theme, label: string) => ({
    id: `theme ${theme}`,
    label,
    hint: settings.theme === theme ? 'chosen' : '',
    run: () => void (settings.theme = theme),
  });
  const dense = settings.density === 'compact';
  return [
    theme('light', 'Light theme'),
    theme('dark', 'Dark theme'),
    theme('system', 'Theme as the system'),
    {
      id: 'density',
      label: dense ? 'Normal rows' : 'Compact rows',
      run: () => void (settings.density = dense ? 'normal' : 'compact'),
    },
    {
      id: 'api',
      label: 'API documentation',
      hint: 'Swagger UI',
      run: () => location.assign(`${prefix}/docs/`),
    },
    ...(session.may('enroll') ? [{ id: 'add', label: 'Add a cluster', run: to('?add') }] : []),
    { id: 'sign out', label: 'Sign out', hint: session.me?.user, run: () => void session.signOut() },
  ];
}
