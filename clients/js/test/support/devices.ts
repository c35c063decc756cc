/** Storage as devices have it, with the limits and the faults that they have. */
import type { AsyncStorageLike, ChatStorage } from "../../src/index.js";

/** Android's cursor window: no row above this many bytes can be read. */
const WINDOW = 2 * 1024 * 1024;

export interface AndroidStorage extends AsyncStorageLike {
  readonly rows: Map<string, string>;
  /** The number of writes. */
  writes: number;
}

/** AsyncStorage of React Native on Android: it writes rows that it can't read. */
export function androidStorage(): AndroidStorage {
  const rows = new Map<string, string>();
  const get = (name: string) => {
    const text = rows.get(name) ?? null;
    if (text !== null && Buffer.byteLength(text) > WINDOW) throw new Error("Row too big to fit into CursorWindow");
    return text;
  };
  const storage = {
    rows,
    writes: 0,
    getItem: async (name: string) => get(name),
    multiGet: async (names: readonly string[]) => names.map((name) => [name, get(name)]),
    setItem: async (name: string, text: string) => {
      storage.writes++;
      rows.set(name, text);
    },
    removeItem: async (name: string) => {
      storage.writes++;
      rows.delete(name);
    },
    multiSet: async (pairs: readonly (readonly [string, string])[]) => {
      storage.writes++;
      for (const [name, text] of pairs) rows.set(name, text);
    },
    multiRemove: async (names: readonly string[]) => {
      storage.writes++;
      for (const name of names) rows.delete(name);
    },
    getAllKeys: async () => [...rows.keys()],
  };
  return storage;
}

/** Expo's SecureStore: few characters in keys, short values. */
export function secureStore() {
  const rows = new Map<string, string>();
  const checked = (name: string) => {
    if (!/^[\w.-]+$/.test(name)) throw new Error(`Invalid key: ${name}`);
    return name;
  };
  return {
    rows,
    getItem: async (name: string) => rows.get(checked(name)) ?? null,
    setItem: async (name: string, text: string) => {
      if (Buffer.byteLength(text) > 2048)
        throw new Error("Value being stored in SecureStore is larger than 2048 bytes");
      rows.set(checked(name), text);
    },
    removeItem: async (name: string) => void rows.delete(checked(name)),
  };
}

const never = () => new Promise<never>(() => {});

/** A database that is opened and never answers. */
export const deafIndexedDB = { open: () => ({}) } as unknown as IDBFactory;

/** Answers until `isDeaf`, then never. */
export function forgetfulStorage(storage: ChatStorage): ChatStorage & { isDeaf: boolean } {
  const fragile = {
    isDeaf: false,
    shared: storage.shared,
    read: (keys: readonly string[]) => (fragile.isDeaf ? never() : storage.read(keys)),
    keys: (prefix: string) => (fragile.isDeaf ? never() : storage.keys(prefix)),
    write: (...call: Parameters<ChatStorage["write"]>) => (fragile.isDeaf ? never() : storage.write(...call)),
  };
  return fragile;
}
