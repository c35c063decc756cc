/** The entries of the logs in storage: chunks of 50, each under a key of its own. */
import { isEntry } from "../records.js";
import type { ChatStorage } from "../storage/storage.js";
import type { Entry } from "../wire.js";
import type { Batch } from "./batch.js";

const CHUNK = 50;

type Chunk = Record<number, Entry>;

function logPrefix(prefix: string, conversationId: string): string {
  return `${prefix}e/${conversationId}/`;
}

function chunkNumber(seq: number): number {
  return Math.floor(seq / CHUNK);
}

/** The valid entries of a stored chunk. */
function validChunk(value: unknown): Chunk {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(Object.values(value).flatMap((entry) => (isEntry(entry) ? [[entry.seq, entry]] : [])));
}

/** The stored entries of the chunks that have from..to, so a few more than these, in no order. */
export async function readChunks(
  storage: ChatStorage,
  prefix: string,
  conversationId: string,
  from: number,
  to: number,
): Promise<Entry[]> {
  const keys: string[] = [];
  for (let chunk = chunkNumber(from); chunk <= chunkNumber(to); chunk++) {
    keys.push(logPrefix(prefix, conversationId) + chunk);
  }
  const values = await storage.read(keys);
  return values.flatMap((value) => Object.values(validChunk(value)));
}

/** The chunks of the batch's entries, merged with the stored ones. */
export async function mergedChunks(
  storage: ChatStorage,
  prefix: string,
  { entries: logs }: Batch,
): Promise<[key: string, chunk: Chunk][]> {
  const chunks = new Map<string, Chunk>();
  for (const [conversationId, entries] of logs) {
    for (const entry of entries.values()) {
      const key = logPrefix(prefix, conversationId) + chunkNumber(entry.seq);
      const chunk = chunks.get(key) ?? {};
      chunk[entry.seq] = entry;
      chunks.set(key, chunk);
    }
  }
  const stored = await storage.read([...chunks.keys()]);
  return [...chunks].map(([key, chunk], index) => [key, { ...validChunk(stored[index]), ...chunk }]);
}

/** The keys of all chunks of the logs that the batch drops. */
export async function droppedKeys(storage: ChatStorage, prefix: string, { dropped }: Batch): Promise<string[]> {
  const found = await Promise.all([...dropped].map((id) => storage.keys(logPrefix(prefix, id))));
  return found.flat();
}
