/** Storage for each platform: memory, localStorage, anything that looks like AsyncStorage or a secure store. */
import type { AsyncStorageLike, TokenStorage } from "../options.js";
import type { ChatStorage } from "./storage.js";

/** Characters of one row. Android's AsyncStorage can't read rows of 2 MB; each of these has at most 3 bytes in UTF-8. */
const ROW = 80_000;
/** Bytes: Expo's SecureStore takes values of up to 2,048. */
const SECURE_ROW = 2000;

/** Keeps nothing beyond the process: for tests, bots and servers. */
export function memoryStorage(): ChatStorage {
  const values = new Map<string, string>();
  return asyncStorage({
    getItem: async (key) => values.get(key) ?? null,
    setItem: async (key, value) => void values.set(key, value),
    removeItem: async (key) => void values.delete(key),
    getAllKeys: async () => [...values.keys()],
  });
}

/** The browser's localStorage (about 5 MB). IndexedDB holds more and does not block: prefer `indexedDBStorage`. */
export function webStorage(given?: Storage): ChatStorage {
  const storage = () => given ?? localStorage; // asking for it may throw
  const adapted = asyncStorage({
    getItem: async (key) => storage().getItem(key),
    setItem: async (key, value) => storage().setItem(key, value),
    removeItem: async (key) => storage().removeItem(key),
    getAllKeys: async () => Array.from({ length: storage().length }, (_, index) => storage().key(index) as string),
  });
  return { ...adapted, shared: true };
}

/** React Native's AsyncStorage, or anything with its shape (MMKV wrappers). */
export function asyncStorage(storage: AsyncStorageLike): ChatStorage {
  const rows = new Rows(storage, ROW, JSON.stringify);
  return {
    shared: false,
    read: (keys) => Promise.all(keys.map((key) => rows.read(key))),
    keys: async (prefix) => rows.known(await storage.getAllKeys()).filter((key) => key.startsWith(prefix)),
    write: (puts, deletes) => rows.write(puts, deletes),
  };
}

/** A secure store of the platform, which keeps the session alone. */
export function tokenStorage(storage: TokenStorage): ChatStorage {
  const named = (key: string) => key.replace(/[^\w.-]/g, "_"); // SecureStore allows no other characters
  const rows = new Rows(storage, SECURE_ROW, asciiJson);
  return {
    shared: false,
    read: (keys) => Promise.all(keys.map((key) => rows.read(named(key)))),
    keys: async () => [],
    write: (puts, deletes) =>
      rows.write(
        puts.map(([key, value]) => [named(key), value] as const),
        deletes.map(named),
      ),
  };
}

/**
 * Values as rows of text. A longer value is cut into pieces. Its own row then holds their tag and count and is
 * written last, so that the value is either the old one or the new one if the device fails meanwhile.
 */
class Rows {
  /** The piece rows of each value that was cut, as far as they are known. */
  private readonly pieces = new Map<string, Set<string>>();
  private readonly storage: TokenStorage & Pick<AsyncStorageLike, "multiSet" | "multiRemove">;

  constructor(
    storage: TokenStorage,
    private readonly longest: number,
    private readonly encode: (value: unknown) => string,
  ) {
    this.storage = storage;
  }

  /** The keys of values among the keys of rows. */
  known(keys: readonly string[]): string[] {
    return keys.filter((row) => {
      const value = row.includes(".part-") ? /^(.*)\.part-\w+-\d+$/s.exec(row)?.[1] : undefined;
      if (value === undefined) return true;
      this.pieces.set(value, (this.pieces.get(value) ?? new Set()).add(row));
      return false;
    });
  }

  async read(key: string): Promise<unknown> {
    const text = await this.storage.getItem(key);
    if (text === null || text === undefined) return undefined;
    const [, tag, count] = /^#(\w+)-(\d+)$/.exec(text) ?? [];
    if (tag === undefined) return JSON.parse(text);
    const names = Array.from({ length: Number(count) }, (_, index) => `${key}.part-${tag}-${index}`);
    this.pieces.set(key, new Set([...(this.pieces.get(key) ?? []), ...names]));
    const parts = await Promise.all(names.map((name) => this.storage.getItem(name)));
    return JSON.parse(parts.join(""));
  }

  async write(puts: readonly (readonly [string, unknown])[], deletes: readonly string[]): Promise<void> {
    const rows: [string, string][] = [];
    const left: string[] = [];
    for (const [key, value] of puts) {
      left.push(...(this.pieces.get(key) ?? []));
      rows.push(...this.cut(key, this.encode(value)));
    }
    for (const key of deletes) {
      left.push(key, ...(this.pieces.get(key) ?? []));
      this.pieces.delete(key);
    }
    await this.set(rows);
    await this.remove(left);
  }

  private cut(key: string, text: string): [string, string][] {
    this.pieces.delete(key);
    if (text.length <= this.longest) return [[key, text]];
    const tag = Date.now().toString(36) + Math.floor(Math.random() * 36 ** 4).toString(36);
    const rows: [string, string][] = [];
    for (let start = 0, end = 0; start < text.length; start = end) {
      end = start + this.longest;
      if (isHighSurrogate(text.charCodeAt(end - 1))) end--; // half a character can't be stored
      rows.push([`${key}.part-${tag}-${rows.length}`, text.slice(start, end)]);
    }
    this.pieces.set(key, new Set(rows.map(([name]) => name)));
    return [...rows, [key, `#${tag}-${rows.length}`]];
  }

  private async set(rows: [string, string][]): Promise<void> {
    if (this.storage.multiSet && rows.length > 1) await this.storage.multiSet(rows);
    else for (const [key, text] of rows) await this.storage.setItem(key, text);
  }

  private async remove(keys: string[]): Promise<void> {
    if (this.storage.multiRemove && keys.length > 1) await this.storage.multiRemove(keys);
    else for (const key of keys) await this.storage.removeItem(key);
  }
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00;
}

/** One byte for each character. */
function asciiJson(value: unknown): string {
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value).replace(/[^ -~]/g, escaped);
}

export function toStorage(storage: ChatStorage | AsyncStorageLike): ChatStorage {
  return "getItem" in storage ? asyncStorage(storage) : storage;
}

export function toTokenStorage(storage: ChatStorage | TokenStorage): ChatStorage {
  return "getItem" in storage ? tokenStorage(storage) : storage;
}
