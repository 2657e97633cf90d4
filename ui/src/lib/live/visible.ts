// A browser has six connections for one server over HTTP/1.1, and all of its tabs share them: a tab that nobody looks at holds none.

/** Milliseconds: going through tabs lets go of nothing. */
const LET_GO_AFTER = 5_000;

/** Calls `start` when the tab is looked at, and what that answers with a while after it is not. Until its own answer is called. */
export function whileVisible(start: () => () => void): () => void {
  let stop: (() => void) | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const letGo = () => {
    stop?.();
    stop = undefined;
  };
  const look = () => {
    clearTimeout(timer);
    if (!document.hidden) stop ??= start();
    else if (stop) timer = setTimeout(letGo, LET_GO_AFTER);
  };
  document.addEventListener('visibilitychange', look);
  look();
  return () => {
    document.removeEventListener('visibilitychange', look);
    clearTimeout(timer);
    letGo();
  };
}

/** Resolves when somebody looks at the tab: at once, if that is now. */
export function whenVisible(): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden) return;
      document.removeEventListener('visibilitychange', look);
      resolve();
    };
    document.addEventListener('visibilitychange', look);
    look();
  });
}
