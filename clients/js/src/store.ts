/**
 * The data of one user: all records, held in memory and stored, and the entries of the logs, which are only stored.
 *
 * Changes apply to memory at once, are written soon after in one batch, and are posted to the other tabs once they are
 * written, so that no other tab knows more than is stored. Entries are written before the records whose cursors count
 * them.
 */
import { Batch, Records, type StoredBatch, syncRecordLast } from "./batch.js";
import { type ChatError, storageFailed } from "./errors.js";
import { Emitter } from "./observable.js";
import { isEntry, isValid, key as keyOf } from "./records.js";
import { unreadable } from "./storage/guarded.js";
import type { ChatStorage } from "./storage/storage.js";
import type { Entry } from "./wire.js";

const CHUNK = 50;

interface StoreEvents {
  /** The record with this key was changed or deleted. */
  record: string;
  entries: { conversationId: string; entries: readonly Entry[] };
  /** The log of a conversation was dropped. */
  dropped: string;
  /** The store was opened or closed: everything has changed. */
  reset: undefined;
}

type Chunk = Record<number, Entry>;
type Put = readonly [key: string, value: unknown];

/** After so many refused values in a row, the storage counts as full or gone. */
const MOST_REFUSALS = 5;

export interface StoreOptions {
  readonly storage: ChatStorage;
  /** Whether this tab writes this record, or the entries of the logs (undefined). If not, only its memory changes. */
  readonly isWriter: (recordKey: string | undefined) => boolean;
  /** Called with every batch that this tab has written, and the prefix of its keys. */
  readonly onWritten: (batch: StoredBatch, prefix: string) => void;
  readonly onFailure: (error: ChatError) => void;
}

export class Store {
  readonly events = new Emitter<StoreEvents>();
  private readonly records = new Records();
  private prefix: string | undefined;
  private waiting = new Batch();
  private writing: Batch | undefined;
  private flushing: Promise<void> | undefined;
  private isFailing = false;
  /** Records that are being written, and records that storage has refused: the next batch tries them again. */
  private readonly unwritten = new Set<string>();
  /** Batches that other tabs wrote while this one reads. */
  private receivedMeanwhile: StoredBatch[] | undefined;

  constructor(private readonly options: StoreOptions) {}

  get isOpen(): boolean {
    return this.prefix !== undefined;
  }

  /** Reads all records below the prefix. Changes that wait to be written here override the stored ones. */
  async open(prefix: string): Promise<void> {
    const wasOpen = this.prefix === prefix;
    const before = wasOpen ? this.records.keys() : [];
    this.prefix = prefix;
    this.receivedMeanwhile = [];
    const records = await this.readRecords(prefix);
    if (this.prefix !== prefix) return;
    this.records.clear();
    for (const [key, value] of records) this.records.set(key, value);
    const received = this.receivedMeanwhile;
    this.receivedMeanwhile = undefined;
    for (const batch of received) this.applyBatch(batch);
    for (const batch of [this.writing, this.waiting]) {
      for (const [key, value] of batch?.puts ?? []) this.records.set(key, value);
      for (const key of batch?.deletes ?? []) this.records.delete(key);
    }
    if (!wasOpen) this.events.emit("reset", undefined);
    for (const key of new Set([...before, ...this.records.keys()])) this.events.emit("record", key);
  }

  private async readRecords(prefix: string): Promise<[string, unknown][]> {
    const start = `${prefix}r/`;
    try {
      const keys = await this.options.storage.keys(start);
      const values = await this.options.storage.read(keys);
      const found = keys.map((key, index) => [key.slice(start.length), values[index]] as [string, unknown]);
      const records = found.filter(([, value]) => value !== undefined);
      await this.dropInvalid(
        start,
        records.filter(([key, value]) => !isValid(key, value)).map(([key]) => key),
      );
      return records.filter(([key, value]) => isValid(key, value));
    } catch (thrown) {
      this.failed("read", thrown);
      return [];
    }
  }

  /** Removes stored values that are not valid records. */
  private async dropInvalid(start: string, bad: readonly string[]): Promise<void> {
    if (bad.length === 0) return;
    this.options.onFailure(unreadable(bad.length, new Error("it is damaged")));
    await this.options.storage.write(
      [],
      bad.map((key) => start + key),
    );
  }

  /** Writes the pending changes, then clears the memory. */
  async close(): Promise<void> {
    await this.flush();
    this.prefix = undefined;
    this.records.clear();
    this.unwritten.clear();
    this.waiting = new Batch();
    this.events.emit("reset", undefined);
  }

  /** Drops the pending changes: another tab erases all data. */
  abandon(): void {
    this.prefix = undefined;
    this.unwritten.clear();
    this.waiting = new Batch();
  }

  /** Removes all stored data below the prefix, except below `except`. */
  async erase(prefix: string, except?: string): Promise<void> {
    try {
      const keys = await this.options.storage.keys(prefix);
      const doomed = keys.filter((key) => except === undefined || !key.startsWith(except));
      await this.options.storage.write([], doomed);
    } catch (thrown) {
      this.failed("erase", thrown);
    }
  }

  get<T>(key: string): T | undefined {
    return this.records.get(key) as T | undefined;
  }

  /** All records of a kind, the part of their keys before the first slash. */
  list<T>(kind: string): T[] {
    return this.records.list(kind) as T[];
  }

  put(key: string, value: unknown): void {
    if (!this.isOpen) return;
    this.records.set(key, value);
    this.events.emit("record", key);
    if (!this.options.isWriter(key)) return;
    this.waiting.puts.set(key, value);
    this.waiting.deletes.delete(key);
    this.schedule();
  }

  delete(key: string): void {
    if (!this.isOpen) return;
    this.records.delete(key);
    this.events.emit("record", key);
    if (!this.options.isWriter(key)) return;
    this.waiting.puts.delete(key);
    this.waiting.deletes.add(key);
    this.schedule();
  }

  addEntries(conversationId: string, entries: readonly Entry[]): void {
    if (!this.isOpen || entries.length === 0) return;
    this.events.emit("entries", { conversationId, entries });
    if (!this.options.isWriter(undefined)) return;
    const waiting = this.waiting.entries.get(conversationId) ?? new Map<number, Entry>();
    for (const entry of entries) waiting.set(entry.seq, entry);
    this.waiting.entries.set(conversationId, waiting);
    this.schedule();
  }

  /** The stored entries from..to, ascending. The caller has to notice gaps. */
  async readEntries(conversationId: string, from: number, to: number): Promise<Entry[]> {
    const found = new Map<number, Entry>();
    const take = (entry: Entry) => {
      if (entry.seq >= from && entry.seq <= to) found.set(entry.seq, entry);
    };
    const batches = new Set([this.writing, this.waiting]); // a batch that is being written may not be in storage yet
    for (const chunk of await this.readChunks(conversationId, from, to)) Object.values(chunk).forEach(take);
    batches.add(this.writing).add(this.waiting);
    for (const batch of batches) {
      if (batch?.dropped.has(conversationId)) found.clear();
      batch?.entries.get(conversationId)?.forEach(take);
    }
    return [...found.values()].sort((a, b) => a.seq - b.seq);
  }

  private async readChunks(conversationId: string, from: number, to: number): Promise<Chunk[]> {
    const keys: string[] = [];
    for (let chunk = Math.floor(from / CHUNK); chunk <= Math.floor(to / CHUNK); chunk++) {
      keys.push(this.chunkKey(conversationId, chunk));
    }
    try {
      const values = await this.options.storage.read(keys);
      return values.map(validChunk);
    } catch (thrown) {
      this.failed("read", thrown);
      return [];
    }
  }

  /** Forgets the log of a conversation. */
  dropEntries(conversationId: string): void {
    if (!this.isOpen) return;
    this.events.emit("dropped", conversationId);
    if (!this.options.isWriter(undefined)) return;
    this.waiting.entries.delete(conversationId);
    this.waiting.dropped.add(conversationId);
    this.schedule();
  }

  /** Applies a batch that another tab has written. */
  receive(batch: StoredBatch): void {
    if (!this.isOpen) return;
    this.receivedMeanwhile?.push(batch);
    this.applyBatch(batch);
    for (const conversationId of batch.dropped) this.events.emit("dropped", conversationId);
    for (const [conversationId, entries] of batch.entries) this.events.emit("entries", { conversationId, entries });
    for (const [key] of batch.puts) this.events.emit("record", key);
    for (const key of batch.deletes) this.events.emit("record", key);
  }

  private applyBatch(batch: StoredBatch): void {
    for (const [key, value] of batch.puts) this.records.set(key, value);
    for (const key of batch.deletes) this.records.delete(key);
  }

  private schedule(): void {
    this.flushing ??= Promise.resolve().then(() => this.writeAll());
  }

  /** Resolves when all changes so far are written. */
  async flush(): Promise<void> {
    while (this.flushing) await this.flushing;
  }

  private async writeAll(): Promise<void> {
    while (!this.waiting.isEmpty) {
      this.writing = this.waiting;
      this.waiting = new Batch();
      await this.write(this.writing);
      this.writing = undefined;
    }
    this.flushing = undefined;
  }

  private async write(batch: Batch): Promise<void> {
    const prefix = this.prefix as string;
    for (const key of batch.puts.keys()) this.unwritten.add(key);
    for (const key of batch.deletes) this.unwritten.delete(key);
    try {
      const dropped = await this.droppedKeys(batch);
      if (dropped.length) await this.options.storage.write([], dropped);
      const chunks = await this.mergedChunks(batch);
      const deletes = [...batch.deletes].map((key) => `${prefix}r/${key}`);
      await this.writeAllOrEach(prefix, chunks, this.recordsToWrite(batch), deletes);
      this.isFailing = false;
    } catch (thrown) {
      this.failed("write", thrown);
    }
    const entries = [...batch.entries].map(([id, rows]) => [id, [...rows.values()]] as const);
    const { puts, deletes, dropped } = batch;
    this.options.onWritten({ puts: [...puts], deletes: [...deletes], dropped: [...dropped], entries }, prefix);
  }

  private recordsToWrite(batch: Batch): Put[] {
    const values = [...this.unwritten].map((key) => [key, batch.puts.get(key) ?? this.records.get(key)] as const);
    return syncRecordLast(new Map(values.filter(([, value]) => value !== undefined)));
  }

  private async writeAllOrEach(
    prefix: string,
    chunks: readonly Put[],
    records: readonly Put[],
    deletes: readonly string[],
  ): Promise<void> {
    const { storage } = this.options;
    const puts = [...chunks, ...records.map(([key, value]) => [`${prefix}r/${key}`, value] as const)];
    try {
      await storage.write(puts, deletes);
      for (const [key] of records) this.unwritten.delete(key);
    } catch (thrown) {
      for (const chunk of chunks) await storage.write([chunk], []).catch(() => {}); // a missing chunk is fetched again
      await this.writeEach(prefix, records);
      await storage.write([], deletes);
      throw thrown;
    }
  }

  /** Writes one by one: a refused record blocks only the sync record, which must not cover unstored records. */
  private async writeEach(prefix: string, records: readonly Put[]): Promise<void> {
    let refusals = 0;
    for (const [key, value] of records) {
      if (refusals >= MOST_REFUSALS || (key === keyOf.sync && this.unwritten.size > 1)) return;
      try {
        await this.options.storage.write([[`${prefix}r/${key}`, value]], []);
        this.unwritten.delete(key);
        refusals = 0;
      } catch {
        refusals++;
      }
    }
  }

  private async droppedKeys(batch: Batch): Promise<string[]> {
    const { storage } = this.options;
    const found = await Promise.all([...batch.dropped].map((id) => storage.keys(`${this.prefix}e/${id}/`)));
    return found.flat();
  }

  /** The chunks of the batch's entries, merged with the stored ones. */
  private async mergedChunks(batch: Batch): Promise<[string, Chunk][]> {
    const chunks = new Map<string, Chunk>();
    for (const [conversationId, entries] of batch.entries) {
      for (const entry of entries.values()) {
        const key = this.chunkKey(conversationId, Math.floor(entry.seq / CHUNK));
        const chunk = chunks.get(key) ?? {};
        chunk[entry.seq] = entry;
        chunks.set(key, chunk);
      }
    }
    const stored = await this.options.storage.read([...chunks.keys()]);
    return [...chunks].map(([key, chunk], index) => [key, { ...validChunk(stored[index]), ...chunk }]);
  }

  private chunkKey(conversationId: string, chunk: number): string {
    return `${this.prefix}e/${conversationId}/${chunk}`;
  }

  /** Reports only the first of several failures in a row. */
  private failed(what: string, thrown: unknown): void {
    if (this.isFailing) return;
    this.isFailing = true;
    const effect = "What is on the screen may be lost when the app ends.";
    this.options.onFailure(storageFailed(`The device's storage failed (${what})`, thrown, effect));
  }
}

/** Records that the tab in which they were made writes itself: the leading tab has nothing to add to them. */
export function isWrittenByAnyTab(recordKey: string | undefined): boolean {
  return recordKey !== undefined && /^(o|d)\/|^(contacts|privacy)$/.test(recordKey);
}

/** The valid entries of a stored chunk. */
function validChunk(value: unknown): Chunk {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(Object.values(value).flatMap((entry) => (isEntry(entry) ? [[entry.seq, entry]] : [])));
}
