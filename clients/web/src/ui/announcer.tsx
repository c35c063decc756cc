/** Tells screen readers what happens elsewhere than where the focus is. */
import { useObservable } from "@chatapp/client/react";
import { createStore } from "../lib/store";

const said = createStore("");

export function announce(text: string): void {
  said.set(text === said.getSnapshot() ? `${text}\u00A0` : text);
}

export function Announcer() {
  return (
    <p className="hidden" aria-live="polite">
      {useObservable(said)}
    </p>
  );
}
