/** Storage for each platform: memory, localStorage, anything that looks like AsyncStorage. */
import type { AsyncStorageLike } from "../options.js";
import type { ChatStorage } from "./storage.js";

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
export function webStorage(storage: Storage = localStorage): ChatStorage {
  const adapted = asyncStorage({
    getItem: async (key) => storage.getItem(key),
    setItem: async (key, value) => storage.setItem(key, value),
    removeItem: async (key) => storage.removeItem(key),
    getAllKeys: async () => Array.from({ length: storage.length }, (_, index) => storage.key(index) as string),
  });
  return { ...adapted, shared: true };
}

/** React Native's AsyncStorage, or anything with its shape (MMKV wrappers, secure stores). */
export function asyncStorage(storage: AsyncStorageLike): ChatStorage {
  const readOne = async (key: string) => {
    const text = await storage.getItem(key);
    return text === null || text === undefined ? undefined : parsed(text);
  };
  return {
    shared: false,
    read: (keys) => Promise.all(keys.map(readOne)),
    keys: async (prefix) => (await storage.getAllKeys()).filter((key) => key.startsWith(prefix)),
    async write(puts, deletes) {
      for (const [key, value] of puts) await storage.setItem(key, JSON.stringify(value));
      for (const key of deletes) await storage.removeItem(key);
    },
  };
}

/** A value that was cut off by a crash of the device counts as none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function toStorage(storage: ChatStorage | AsyncStorageLike): ChatStorage {
  return "getItem" in storage ? asyncStorage(storage) : storage;
}
