/** What a key press means. */
interface Pressed {
  readonly isComposing: boolean;
  readonly keyCode: number;
}

/** Whether the key belongs to an input method. Safari ends the composition before it tells the key: 229 is all there is then. */
export function isComposing({ isComposing, keyCode }: Pressed): boolean {
  return isComposing || keyCode === 229;
}

/** Whether the key is pressed in a field with text in it: arrows and Esc mean something there. */
export function isInText(target: EventTarget | null): boolean {
  return target instanceof HTMLTextAreaElement && target.value !== "";
}
