/** The records in storage, each under a key of its own. */
import type { ChatError } from "../errors.js";
import { isValid } from "../records.js";
import { unreadable } from "../storage/guarded.js";
import type { ChatStorage } from "../storage/storage.js";

/** The key in storage of a user's record; with an empty key, the prefix of all their records. */
export function storedKey(prefix: string, recordKey: string): string {
  return `${prefix}r/${recordKey}`;
}

/** Reads all valid records below the prefix, and removes the others. */
export async function readRecords(
  storage: ChatStorage,
  prefix: string,
  onFailure: (error: ChatError) => void,
): Promise<[key: string, value: unknown][]> {
  const start = storedKey(prefix, "");
  const keys = await storage.keys(start);
  const values = await storage.read(keys);
  const found = keys.map((key, index) => [key.slice(start.length), values[index]] as [string, unknown]);
  const records = found.filter(([, value]) => value !== undefined);
  const bad = records.filter(([key, value]) => !isValid(key, value));
  if (bad.length > 0) {
    onFailure(unreadable(bad.length, new Error("it is damaged")));
    const doomed = bad.map(([key]) => storedKey(prefix, key));
    await storage.write([], doomed);
  }
  return records.filter(([key, value]) => isValid(key, value));
}
