/** `cart-2026-11-24T201503Z.log`: no colon, which some file systems forbid. */
export function fileName(what: string, now: Date, extension: string): string {
  return `${what}-${now.toISOString().slice(0, 19).replaceAll(':', '')}Z.${extension}`;
}
