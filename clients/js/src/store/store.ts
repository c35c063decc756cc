/**
 * The data of one user: all records, held in memory and stored, and the entries of the logs, which are only stored.
 *
 * Changes apply to memory at once, are written soon after (`batch-writer.ts`), and are posted to the other tabs once
 * they are written, so that no other tab knows more than is stored.
 */
import type { ChatError } from "../errors.js";
import { Emitter } from "../observable.js";
import type { ChatStorage } from "../storage/storage.js";
import type { Entry } from "../wire.js";
import type { StoredBatch } from "./batch.js";
import { BatchWriter } from "./batch-writer.js";
import { readChunks } from "./entry-chunks.js";
import { Records } from "./records-in-memory.js";
import { StorageFailures } from "./storage-failures.js";
import { readRecords } from "./stored-records.js";

interface StoreEvents {
  /** The record with this key was changed or deleted. */
  record: string;
  entries: { conversationId: string; entries: readonly Entry[] };
  /** The log of a conversation was dropped. */
  dropped: string;
  /** The store was opened or closed: everything has changed. */
  reset: undefined;
}

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
  private readonly failures: StorageFailures;
  private readonly writer: BatchWriter;
  private prefix: string | undefined;
  /** Batches that other tabs wrote while this one reads. */
  private receivedMeanwhile: StoredBatch[] | undefined;

  constructor(private readonly options: StoreOptions) {
    const { storage, onWritten, onFailure } = options;
    const { records } = this;
    this.failures = new StorageFailures(onFailure);
    const prefix = () => this.prefix as string;
    this.writer = new BatchWriter({ storage, prefix, records, failures: this.failures, onWritten });
  }

  get isOpen(): boolean {
    return this.prefix !== undefined;
  }

  // -------------------------------------------------------------- open and close

  /** Reads all records below the prefix. Changes that wait to be written here override the stored ones. */
  async open(prefix: string): Promise<void> {
    const wasOpen = this.prefix === prefix;
    const before = wasOpen ? this.records.keys() : [];
    this.prefix = prefix;
    this.receivedMeanwhile = [];
    const puts = await this.readRecords(prefix);
    if (this.prefix !== prefix) return;
    const received = this.receivedMeanwhile;
    this.receivedMeanwhile = undefined;
    this.records.clear();
    for (const changes of [{ puts, deletes: [] }, ...received, ...this.writer.pending]) this.records.apply(changes);
    if (!wasOpen) this.events.emit("reset", undefined);
    for (const key of new Set([...before, ...this.records.keys()])) this.events.emit("record", key);
  }

  private async readRecords(prefix: string): Promise<[string, unknown][]> {
    const { storage, onFailure } = this.options;
    try {
      return await readRecords(storage, prefix, onFailure);
    } catch (thrown) {
      this.failures.failed("read", thrown);
      return [];
    }
  }

  /** Writes the pending changes, then clears the memory. */
  async close(): Promise<void> {
    await this.flush();
    this.abandon();
    this.records.clear();
    this.events.emit("reset", undefined);
  }

  /** Drops the pending changes: another tab erases all data. */
  abandon(): void {
    this.prefix = undefined;
    this.writer.abandon();
  }

  /** Resolves when all changes so far are written. */
  flush(): Promise<void> {
    return this.writer.flush();
  }

  /** Removes all stored data below the prefix, except below `except`. */
  async erase(prefix: string, except?: string): Promise<void> {
    try {
      const keys = await this.options.storage.keys(prefix);
      const doomed = keys.filter((key) => except === undefined || !key.startsWith(except));
      await this.options.storage.write([], doomed);
    } catch (thrown) {
      this.failures.failed("erase", thrown);
    }
  }

  // -------------------------------------------------------------- records

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
    if (this.options.isWriter(key)) this.writer.change((batch) => batch.put(key, value));
  }

  delete(key: string): void {
    if (!this.isOpen) return;
    this.records.delete(key);
    this.events.emit("record", key);
    if (this.options.isWriter(key)) this.writer.change((batch) => batch.delete(key));
  }

  // -------------------------------------------------------------- entries

  addEntries(conversationId: string, entries: readonly Entry[]): void {
    if (!this.isOpen || entries.length === 0) return;
    this.events.emit("entries", { conversationId, entries });
    if (this.options.isWriter(undefined)) this.writer.change((batch) => batch.addEntries(conversationId, entries));
  }

  /** Forgets the log of a conversation. */
  dropEntries(conversationId: string): void {
    if (!this.isOpen) return;
    this.events.emit("dropped", conversationId);
    if (this.options.isWriter(undefined)) this.writer.change((batch) => batch.dropEntries(conversationId));
  }

  /** The stored entries from..to, ascending. The caller has to notice gaps. */
  async readEntries(conversationId: string, from: number, to: number): Promise<Entry[]> {
    const found = new Map<number, Entry>();
    const take = (entry: Entry) => {
      if (entry.seq >= from && entry.seq <= to) found.set(entry.seq, entry);
    };
    const before = this.writer.pending; // a batch that is being written may not be in storage yet
    (await this.readStoredEntries(conversationId, from, to)).forEach(take);
    for (const batch of new Set([...before, ...this.writer.pending])) {
      if (batch.dropped.has(conversationId)) found.clear();
      batch.entries.get(conversationId)?.forEach(take);
    }
    return [...found.values()].sort((a, b) => a.seq - b.seq);
  }

  private async readStoredEntries(conversationId: string, from: number, to: number): Promise<Entry[]> {
    try {
      return await readChunks(this.options.storage, this.prefix as string, conversationId, from, to);
    } catch (thrown) {
      this.failures.failed("read", thrown);
      return [];
    }
  }

  // -------------------------------------------------------------- other tabs

  /** Applies a batch that another tab has written. */
  receive(batch: StoredBatch): void {
    if (!this.isOpen) return;
    this.receivedMeanwhile?.push(batch);
    this.records.apply(batch);
    for (const conversationId of batch.dropped) this.events.emit("dropped", conversationId);
    for (const [conversationId, entries] of batch.entries) this.events.emit("entries", { conversationId, entries });
    for (const [key] of batch.puts) this.events.emit("record", key);
    for (const key of batch.deletes) this.events.emit("record", key);
  }
}
