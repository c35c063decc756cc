/** The session in storage, and in memory alone while storage refuses it. */
import type { ChatStorage } from "../storage/storage.js";
import { isSession, type StoredSession } from "./stored-session.js";

export interface SessionStorageOptions {
  readonly key: string;
  readonly storage: ChatStorage;
  /** The storage in which an earlier version of the app kept the session, if it is another one. */
  readonly formerStorage?: ChatStorage;
  readonly onStorageFailure: (error: unknown) => void;
}

export class SessionStorage {
  /** The session that storage has refused, so that it holds an older one, or none, and other tabs can't read this one. */
  unstored: StoredSession | undefined;

  constructor(private readonly options: SessionStorageOptions) {}

  /** Throws if storage fails. A damaged session is reported, and counts as none. */
  async read(): Promise<StoredSession | undefined> {
    if (this.unstored) return this.unstored;
    const [stored] = await this.options.storage.read([this.options.key]);
    if (stored === undefined || isSession(stored)) return stored;
    this.options.onStorageFailure(new Error("the stored session is damaged"));
    return undefined;
  }

  async readIfPossible(): Promise<StoredSession | undefined> {
    try {
      return await this.read();
    } catch (failure) {
      this.options.onStorageFailure(failure);
      return undefined;
    }
  }

  async write(session: StoredSession): Promise<void> {
    try {
      await this.options.storage.write([[this.options.key, session]], []);
      this.unstored = undefined;
    } catch (failure) {
      this.unstored = session;
      this.options.onStorageFailure(failure);
    }
  }

  async remove(): Promise<void> {
    const { key, storage, formerStorage } = this.options;
    try {
      await storage.write([], [key]);
      await formerStorage?.write([], [key]);
    } catch (failure) {
      this.options.onStorageFailure(failure);
    }
    this.unstored = undefined;
  }

  /** Moves a session from the general storage to the one for tokens, unless that has one. Returns what was there. */
  async migrate(isReplaced: boolean): Promise<StoredSession | undefined> {
    const { formerStorage, key } = this.options;
    if (!formerStorage) return undefined;
    const [former] = await formerStorage.read([key]);
    if (former === undefined) return undefined;
    if (!isReplaced && isSession(former)) await this.write(former);
    if (!this.unstored) await formerStorage.write([], [key]);
    return isSession(former) ? former : undefined;
  }
}
