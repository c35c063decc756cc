/** Observables with lazily made, stable snapshots, and the events of a chat. */
import type { Observable, Unsubscribe } from "./types/observable.js";

/**
 * A value that is computed when it is read, and computed again only after `changed()`.
 *
 * Listeners are called once for a burst of changes, in a microtask. If `same` finds a new value equal to the one
 * before, the old one stays.
 */
export class Source<T> implements Observable<T> {
  private readonly listeners = new Set<() => void>();
  private value: T | undefined;
  private isStale = true;
  private isNotifying = false;

  constructor(
    private readonly make: () => T,
    private readonly onUse: { first?: () => void; last?: () => void } = {},
    private readonly same: (before: T, after: T) => boolean = Object.is,
  ) {}

  get isUsed(): boolean {
    return this.listeners.size > 0;
  }

  readonly getSnapshot = (): T => {
    if (this.isStale) {
      this.isStale = false;
      const made = this.make();
      if (this.value === undefined || !this.same(this.value, made)) this.value = made;
    }
    return this.value as T;
  };

  readonly subscribe = (listener: () => void): Unsubscribe => {
    const entry = () => listener();
    this.listeners.add(entry);
    if (this.listeners.size === 1) this.onUse.first?.();
    return () => {
      if (this.listeners.delete(entry) && this.listeners.size === 0) this.onUse.last?.();
    };
  };

  changed(): void {
    this.isStale = true;
    if (this.isNotifying || this.listeners.size === 0) return;
    this.isNotifying = true;
    Promise.resolve().then(() => {
      this.isNotifying = false;
      notify(this.listeners);
    });
  }
}

/** A source that holds its value. */
export class Cell<T> implements Observable<T> {
  private readonly source: Source<T>;
  readonly subscribe: Observable<T>["subscribe"];
  readonly getSnapshot: Observable<T>["getSnapshot"];

  constructor(private current: T) {
    this.source = new Source(() => this.current);
    this.subscribe = this.source.subscribe;
    this.getSnapshot = this.source.getSnapshot;
  }

  get value(): T {
    return this.current;
  }

  set(value: T): void {
    if (Object.is(value, this.current)) return;
    this.current = value;
    this.source.changed();
  }
}

/** Runs every listener. One that throws stops no other; its error shows as an unhandled rejection of the app. */
function notify<Argument extends unknown[]>(
  listeners: Iterable<(...argument: Argument) => void>,
  ...argument: Argument
): void {
  for (const listener of [...listeners]) {
    try {
      listener(...argument);
    } catch (error) {
      void Promise.reject(error);
    }
  }
}

/** Named events. Listeners run at once, in the order in which they subscribed. */
export class Emitter<Events> {
  private readonly listeners = new Map<keyof Events, Set<(value: never) => void>>();

  on<Name extends keyof Events>(name: Name, listener: (value: Events[Name]) => void): Unsubscribe {
    const entry = (value: Events[Name]) => listener(value);
    const entries = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, entries.add(entry as (value: never) => void));
    return () => entries.delete(entry as (value: never) => void);
  }

  emit<Name extends keyof Events>(name: Name, value: Events[Name]): void {
    notify((this.listeners.get(name) ?? new Set()) as Set<(value: Events[Name]) => void>, value);
  }
}
