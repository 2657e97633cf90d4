const BAD = /\b(?:ERROR|ERR|FATAL|PANIC|CRITICAL)\b/i;
const WARN = /\bWARN(?:ING)?\b/i;
/** Where programs write it, if they do. */
const WITHIN = 120;

/** How grave a line says that it is; the word for it stands in the line. */
export function severity(text: string): 'bad' | 'warn' | '' {
  const start = text.slice(0, WITHIN);
  return BAD.test(start) ? 'bad' : WARN.test(start) ? 'warn' : '';
}
