/**
 * A guard around the app's storage: every step has a time limit, one bad value does not spoil the others, and memory
 * takes its place if it does not work at all.
 */
import { within } from "../clock.js";
import { type ChatError, storageFailed } from "../errors.js";
import type { Clock } from "../options.js";
import { memoryStorage } from "./adapters.js";
import type { ChatStorage } from "./storage.js";

/** The number of values read in one step: few enough that a slow device ends the step in time. */
const STEP = 100;

export interface GuardOptions {
  readonly storage: ChatStorage;
  readonly clock: Clock;
  /** The time limit of one step, in milliseconds. */
  readonly limit: number;
  /** A prefix of keys; listing them shows whether the storage works. */
  readonly probe: string;
  /** Whether a value that can't be read may be removed. If not, reading it fails. */
  readonly isDroppable: (key: string) => boolean;
  readonly onFailure: (error: ChatError) => void;
}

export class GuardedStorage implements ChatStorage {
  private storage: ChatStorage;
  private checking: Promise<ChatError | undefined> | undefined;
  private isStuck = false;

  constructor(private readonly options: GuardOptions) {
    this.storage = options.storage;
  }

  get shared(): boolean {
    return this.storage.shared;
  }

  /** Returns the error because of which memory replaces the storage until the app ends; undefined if it works. */
  check(): Promise<ChatError | undefined> {
    this.checking ??= this.step(() => this.storage.keys(this.options.probe)).then(
      () => undefined,
      (thrown) => {
        this.storage = memoryStorage();
        this.isStuck = false;
        const lost = "What is written and received is lost when the app ends.";
        const error = storageFailed("The device's storage can't be used", thrown, lost);
        this.options.onFailure(error);
        return error;
      },
    );
    return this.checking;
  }

  async keys(prefix: string): Promise<string[]> {
    await this.check();
    return this.step(() => this.storage.keys(prefix));
  }

  async write(puts: readonly (readonly [string, unknown])[], deletes: readonly string[]): Promise<void> {
    await this.check();
    return this.step(() => this.storage.write(puts, deletes));
  }

  async read(keys: readonly string[]): Promise<unknown[]> {
    await this.check();
    const values: unknown[] = [];
    for (let start = 0; start < keys.length; start += STEP) {
      values.push(...(await this.readSome(keys.slice(start, start + STEP))));
    }
    return values;
  }

  private async readSome(keys: readonly string[]): Promise<unknown[]> {
    try {
      return await this.step(() => this.storage.read(keys));
    } catch (thrown) {
      if (this.isStuck) throw thrown;
      return this.readEach(keys, thrown);
    }
  }

  /** Reads one by one, because some value can't be read, and drops the bad ones. */
  private async readEach(keys: readonly string[], reason: unknown): Promise<unknown[]> {
    const values: unknown[] = [];
    const bad: string[] = [];
    for (const key of keys) {
      try {
        values.push(...(await this.step(() => this.storage.read([key]))));
      } catch (thrown) {
        if (this.isStuck || !this.options.isDroppable(key)) throw thrown;
        values.push(undefined);
        bad.push(key);
      }
    }
    await this.step(() => this.storage.keys(this.options.probe)); // throws if the storage itself has failed
    if (bad.length > 0) this.options.onFailure(unreadable(bad.length, reason));
    await this.step(() => this.storage.write([], bad)).catch(() => {}); // the next start tries again
    return values;
  }

  /** Gives up a step that takes too long; no other step begins until that one ends. */
  private async step<T>(run: () => Promise<T>): Promise<T> {
    if (this.isStuck) throw new Error("an earlier step has not ended");
    const running = run();
    let isLate = true;
    const ended = () => {
      isLate = false;
    };
    running.then(ended, ended);
    try {
      return await within(this.options.clock, this.options.limit, "The device's storage", running);
    } catch (thrown) {
      if (isLate) this.stick(running);
      throw thrown;
    }
  }

  private stick(running: Promise<unknown>): void {
    this.isStuck = true;
    const storage = this.storage;
    const free = () => {
      if (this.storage === storage) this.isStuck = false;
    };
    running.then(free, free);
  }
}

export function unreadable(count: number, reason: unknown): ChatError {
  const what = count === 1 ? "A value that this device keeps" : `${count} values that this device keeps`;
  return storageFailed(`${what} can't be read`, reason, "It was dropped; the server has everything that was sent.");
}
