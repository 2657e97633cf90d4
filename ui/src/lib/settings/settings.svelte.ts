// Preferences of this browser. Stored in the browser; a browser without storage is not an error.

export type Theme = 'system' | 'light' | 'dark';
export type Density = 'normal' | 'compact';

function load<T>(name: string, otherwise: T): T {
  try {
    const text = localStorage.getItem(name);
    return text === null ? otherwise : (JSON.parse(text) as T);
  } catch {
    return otherwise;
  }
}

function store(name: string, text: string): void {
  try {
    localStorage.setItem(name, text);
  } catch {
    // Then it is used until the page is left.
  }
}

class Settings {
  // As plain text: `static/theme.js` reads it before anything is painted.
  theme = $state<Theme>((localStorage.getItem('theme') as Theme | null) ?? 'system');
  density = $state<Density>(load('density', 'normal'));
  /** Single-key shortcuts can interfere with speech input. */
  singleKeys = $state(load('single-keys', true));
  /** Hidden columns of the table of workloads. */
  hiddenColumns = $state<string[]>(load('hidden-columns', ['created']));
  views = $state<{ name: string; search: string }[]>(load('views', []));

  constructor() {
    $effect.root(() => {
      $effect(() => this.#applyTheme());
      $effect(() => {
        document.documentElement.dataset.density = this.density;
        store('density', JSON.stringify(this.density));
      });
      $effect(() => store('single-keys', JSON.stringify(this.singleKeys)));
      $effect(() => store('hidden-columns', JSON.stringify(this.hiddenColumns)));
      $effect(() => store('views', JSON.stringify(this.views)));
    });
  }

  #applyTheme(): void {
    store('theme', this.theme);
    if (this.theme === 'system') {
      delete document.documentElement.dataset.theme;
    } else {
      document.documentElement.dataset.theme = this.theme;
    }
  }
}

export const settings = new Settings();
