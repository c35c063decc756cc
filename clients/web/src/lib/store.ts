/** A value to look at and to hear of, for what belongs to the app itself: toasts, dialogs, preferences. */
import type { Observable } from "@chatapp/client";

export interface Store<T> extends Observable<T> {
  readonly set: (value: T) => void;
}

export function createStore<T>(first: T): Store<T> {
  let value = first;
  const listeners = new Set<() => void>();
  return {
    getSnapshot: () => value,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    set: (next) => {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of listeners) listener();
    },
  };
}
