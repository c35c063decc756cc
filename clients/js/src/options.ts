/** What a chat is made with. */
import type { ChatStorage } from "./storage/storage.js";

/** What `AsyncStorage` of React Native looks like. */
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

/** How long things may take, in milliseconds. */
export interface Timing {
  readonly healthTimeout: number;
  readonly requestTimeout: number;
  readonly connectTimeout: number;
  readonly ackTimeout: number;
  readonly pollTimeout: number;
  /** How long a connection that looks dead has to show that it lives. */
  readonly probeTimeout: number;
  readonly retryFirst: number;
  readonly retryMost: number;
  /** Between socket attempts in API mode. */
  readonly socketRetry: number;
  /** Refresh the access token this long before it expires. */
  readonly refreshAhead: number;
  /** How long an entry that came too early is waited for before sync. */
  readonly hold: number;
  readonly receiptBatch: number;
  readonly typingEvery: number;
  /** A draft is stored, and told to other tabs, when nothing was typed for so long. */
  readonly draftPause: number;
  /** How long one step of the storage may take. */
  readonly storageTimeout: number;
  /** How long an app in the background keeps its socket (`setForeground(false)`). */
  readonly backgroundGrace: number;
  /** How long another tab may take to refresh the tokens. */
  readonly refreshTimeout: number;
  /** How long the leading tab may be silent when another one, that somebody looks at, asks for a sign of life. */
  readonly leaderSilence: number;
  /** A pause of the whole process longer than this counts as sleep. */
  readonly sleep: number;
}

/** Several tabs, one connection: the pieces of the platform that this needs. */
export interface TabPlatform {
  readonly locks: Pick<LockManager, "request">;
  readonly openChannel: (name: string) => BroadcastChannel;
}

export interface ChatOptions {
  /** The server's address, like `https://chat.example.com`. */
  readonly url: string;
  /** Where sessions, conversations and unsent messages are kept. */
  readonly storage: ChatStorage | AsyncStorageLike;
  /** Where the tokens are kept: a secure store of the phone. By default `storage` has them too. */
  readonly tokenStorage?: ChatStorage | TokenStorage;
  /** What the user sees in the list of their devices. */
  readonly deviceName?: string;
  readonly client?: string;
  /** Socket.IO transports in the order in which they are tried. */
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
