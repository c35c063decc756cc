/** The meaning of a key press. */
interface Pressed {
  readonly isComposing: boolean;
  readonly keyCode: number;
}

/** Return whether the key belongs to an input method. Safari ends the composition before the key: 229 is all there is then. */
export function isComposing({ isComposing, keyCode }: Pressed): boolean {
  return isComposing || keyCode === 229;
}

/** Return whether the key is pressed in a field with text in it: arrows and Esc mean something there. */
export function isInText(target: EventTarget | null): boolean {
  return target instanceof HTMLTextAreaElement && target.value !== "";
}
