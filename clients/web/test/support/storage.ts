import type { Page } from "playwright-core";

/** Return the keys of everything that the page's origin keeps in IndexedDB. */
export function storedKeys(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const settled = <T>(request: IDBRequest<T>) =>
      new Promise<T>((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
    const keys: string[] = [];
    for (const { name } of await indexedDB.databases()) {
      const database = await settled(indexedDB.open(name ?? ""));
      for (const store of database.objectStoreNames) {
        keys.push(...(await settled(database.transaction(store).objectStore(store).getAllKeys())).map(String));
      }
      database.close();
    }
    return keys;
  });
}
