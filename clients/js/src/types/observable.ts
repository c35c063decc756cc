/**
 * Values that can be read and watched: every part of a chat is one.
 *
 * Every snapshot is immutable, and the same object until something in it changes, so that
 * `useSyncExternalStore(x.subscribe, x.getSnapshot)` works as it is.
 */

export type Unsubscribe = () => void;

/** A value that can be read, and watched for changes. Both functions may be passed on without `this`. */
export interface Observable<T> {
  readonly subscribe: (listener: () => void) => Unsubscribe;
  readonly getSnapshot: () => T;
}
