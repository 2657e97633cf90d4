const WITHOUT_TEXT = ['checkbox', 'radio', 'button', 'submit', 'reset'];

/** Whether the key is text input. */
export function typesText(event: KeyboardEvent): boolean {
  const { target } = event;
  if (target instanceof HTMLInputElement) {
    return !WITHOUT_TEXT.includes(target.type);
  }
  return (
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement ||
    (target instanceof HTMLElement && target.isContentEditable)
  );
}
