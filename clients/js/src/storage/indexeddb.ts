/** Storage in IndexedDB: one object store of key → value, every write one transaction. */
import type { ChatStorage } from "./storage.js";

const STORE = "values";

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function committed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onerror = () => reject(transaction.error);
    transaction.onabort = () => reject(transaction.error);
  });
}

/** Storage in the browser's IndexedDB. If there is none, every call fails, and the chat uses memory instead. */
export function indexedDBStorage(name = "chatapp", factory?: IDBFactory): ChatStorage {
  let opened: Promise<IDBDatabase> | undefined;

  async function open(): Promise<IDBDatabase> {
    const request = (factory ?? indexedDB).open(name, 1); // asking for it may throw
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    const database = await settled(request);
    const forget = () => {
      opened = undefined;
    };
    database.onclose = forget; // the browser may close it; the next call opens it again
    database.onversionchange = () => {
      database.close();
      forget();
    };
    return database;
  }

  async function transaction(mode: IDBTransactionMode): Promise<IDBTransaction> {
    opened ??= open();
    try {
      return (await opened).transaction(STORE, mode);
    } catch {
      opened = open();
      return (await opened).transaction(STORE, mode);
    }
  }

  return {
    shared: true,
    async read(keys) {
      const store = (await transaction("readonly")).objectStore(STORE);
      return Promise.all(keys.map((key) => settled(store.get(key))));
    },
    async keys(prefix) {
      const store = (await transaction("readonly")).objectStore(STORE);
      const found = await settled(store.getAllKeys(IDBKeyRange.bound(prefix, `${prefix}\uffff`)));
      return found as string[];
    },
    async write(puts, deletes) {
      const writing = await transaction("readwrite");
      const store = writing.objectStore(STORE);
      for (const [key, value] of puts) store.put(value, key);
      for (const key of deletes) store.delete(key);
      writing.commit?.(); // the page may be ended before the browser does it by itself
      await committed(writing);
    },
  };
}
