/** Questions that have to be answered first: `if (await confirmed({…})) …`. */
import { createStore } from "../lib/store";

export interface Question {
  readonly title: string;
  readonly text: string;
  /** The label of the button that does it. */
  readonly action: string;
  readonly isDangerous?: boolean;
}

export const question = createStore<(Question & { readonly answer: (isConfirmed: boolean) => void }) | null>(null);

export function confirmed(asked: Question): Promise<boolean> {
  return new Promise((resolve) => {
    const answer = (isConfirmed: boolean) => {
      question.set(null);
      resolve(isConfirmed);
    };
    question.set({ ...asked, answer });
  });
}
