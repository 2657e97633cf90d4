// A browser has six connections per server over HTTP/1.1, shared by all its tabs: a hidden tab holds none.

/** Milliseconds: switching through tabs closes no connection. */
const LET_GO_AFTER = 5_000;

/** Calls `start` when the tab becomes visible, and its return value a while after the tab is hidden. Ends when the returned function is called. */
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

/** Resolves when the tab is visible: at once, if it is now. */
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
