/** The options of `createChat`. */
import type { ChatStorage } from "./storage/storage.js";

/** The interface of React Native's `AsyncStorage`. */
export interface AsyncStorageLike {
  getItem(key: string): Promise<string | null>;
  setItem(key: string, value: string): Promise<unknown>;
  removeItem(key: string): Promise<unknown>;
  getAllKeys(): Promise<readonly string[]>;
  multiSet?(rows: [key: string, value: string][]): Promise<unknown>;
  multiRemove?(keys: string[]): Promise<unknown>;
}

/** A secure store of the platform: Keychain, Keystore. Its keys have letters, digits, ".", "-" and "_". */
export interface TokenStorage {
  getItem(key: string): Promise<string | null>;
  setItem(key: string, value: string): Promise<unknown>;
  removeItem(key: string): Promise<unknown>;
}

/** Time and timers, so that tests can turn the clock. */
export interface Clock {
  now(): number;
  setTimeout(run: () => void, milliseconds: number): unknown;
  clearTimeout(timer: unknown): void;
}

/** Time limits and intervals, in milliseconds. */
export interface Timing {
  readonly healthTimeout: number;
  readonly requestTimeout: number;
  readonly connectTimeout: number;
  readonly ackTimeout: number;
  readonly pollTimeout: number;
  /** The time in which a connection that looks dead must answer. */
  readonly probeTimeout: number;
  readonly retryFirst: number;
  readonly retryMost: number;
  /** Between socket attempts in API mode. */
  readonly socketRetry: number;
  /** Refresh the access token this long before it expires. */
  readonly refreshAhead: number;
  /** The wait for missing entries, after one came too early, before a sync. */
  readonly hold: number;
  readonly receiptBatch: number;
  readonly typingEvery: number;
  /** A draft is stored, and shared with other tabs, when nothing was typed for so long. */
  readonly draftPause: number;
  /** The time limit of one step of the storage. */
  readonly storageTimeout: number;
  /** The time for which an app in the background keeps its socket (`setForeground(false)`). */
  readonly backgroundGrace: number;
  /** The time that another tab has to refresh the tokens. */
  readonly refreshTimeout: number;
  /** The time in which the leading tab must answer a tab that has become visible. */
  readonly leaderSilence: number;
  /** A pause of the whole process longer than this counts as sleep. */
  readonly sleep: number;
}

/** The functions of the platform that let several tabs share one connection. */
export interface TabPlatform {
  readonly locks: Pick<LockManager, "request">;
  readonly openChannel: (name: string) => BroadcastChannel;
}

export interface ChatOptions {
  /** The server's address, like `https://chat.example.com`. */
  readonly url: string;
  /** The storage for sessions, conversations and unsent messages. */
  readonly storage: ChatStorage | AsyncStorageLike;
  /** A secure store of the phone for the tokens. By default, `storage` holds them too. */
  readonly tokenStorage?: ChatStorage | TokenStorage;
  /** The name of this device in the user's list of devices. */
  readonly deviceName?: string;
  readonly client?: string;
  /**
   * Socket.IO transports in the order in which they are tried. By default polling first, with an upgrade; a WebSocket
   * first where the server has said that it has several processes.
   */
  readonly transports?: readonly ("polling" | "websocket")[];
  /** Failed socket attempts in a row after which API mode begins (default 3). */
  readonly socketAttempts?: number;
  /** Separates two chats in one storage; by default the address. */
  readonly namespace?: string;
  readonly fetch?: typeof fetch;
  /** False switches the sharing of one connection by several tabs off. */
  readonly tabs?: TabPlatform | false;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly timing?: Partial<Timing>;
}
