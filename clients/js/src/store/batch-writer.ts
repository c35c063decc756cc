/**
 * Writes the changes of a store soon and in one batch, those that were made meanwhile in the next.
 *
 * Entries are written before the records whose cursors count them. A record that storage refuses is tried again with
 * every batch, and blocks only the sync record.
 */
import { key as keyOf } from "../records.js";
import type { ChatStorage } from "../storage/storage.js";
import { Batch, type StoredBatch } from "./batch.js";
import { droppedKeys, mergedChunks } from "./entry-chunks.js";
import type { Records } from "./records-in-memory.js";
import type { StorageFailures } from "./storage-failures.js";
import { storedKey } from "./stored-records.js";

/** After so many refused values in a row, the storage counts as full or gone. */
const MOST_REFUSALS = 5;

type Put = readonly [key: string, value: unknown];

export interface BatchWriterOptions {
  readonly storage: ChatStorage;
  /** The prefix of the open user's data. */
  readonly prefix: () => string;
  /** The records in memory: a refused one is written again as it is by then. */
  readonly records: Records;
  readonly failures: StorageFailures;
  /** Called with every batch after the attempt to write it. */
  readonly onWritten: (batch: StoredBatch, prefix: string) => void;
}

export class BatchWriter {
  private waiting = new Batch();
  private writing: Batch | undefined;
  private flushing: Promise<void> | undefined;
  /** Records that are being written, and records that storage has refused: the next batch tries them again. */
  private readonly unwritten = new Set<string>();

  constructor(private readonly options: BatchWriterOptions) {}

  /** The batches that may not be in storage yet, in their order. */
  get pending(): Batch[] {
    return this.writing ? [this.writing, this.waiting] : [this.waiting];
  }

  /** Adds a change to the next batch. */
  change(add: (batch: Batch) => void): void {
    add(this.waiting);
    this.flushing ??= Promise.resolve().then(() => this.writeAll());
  }

  /** Resolves when all changes so far are written. */
  async flush(): Promise<void> {
    while (this.flushing) await this.flushing;
  }

  /** Drops the changes that wait. */
  abandon(): void {
    this.unwritten.clear();
    this.waiting = new Batch();
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
    const { storage, failures, onWritten } = this.options;
    const prefix = this.options.prefix();
    for (const key of batch.puts.keys()) this.unwritten.add(key);
    for (const key of batch.deletes) this.unwritten.delete(key);
    try {
      const dropped = await droppedKeys(storage, prefix, batch);
      if (dropped.length) await storage.write([], dropped);
      const chunks = await mergedChunks(storage, prefix, batch);
      const deletes = [...batch.deletes].map((key) => storedKey(prefix, key));
      await this.writeAllOrEach(prefix, chunks, this.recordsToWrite(batch), deletes);
      failures.worked();
    } catch (thrown) {
      failures.failed("write", thrown);
    }
    onWritten(batch.stored(), prefix);
  }

  /** The batch's records and those refused before; the sync record last. */
  private recordsToWrite(batch: Batch): Put[] {
    const { records } = this.options;
    const values = [...this.unwritten].map((key) => [key, batch.puts.get(key) ?? records.get(key)] as const);
    return syncRecordLast(values.filter(([, value]) => value !== undefined));
  }

  private async writeAllOrEach(
    prefix: string,
    chunks: readonly Put[],
    records: readonly Put[],
    deletes: readonly string[],
  ): Promise<void> {
    const { storage } = this.options;
    const puts = [...chunks, ...records.map(([key, value]) => [storedKey(prefix, key), value] as const)];
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
        await this.options.storage.write([[storedKey(prefix, key), value]], []);
        this.unwritten.delete(key);
        refusals = 0;
      } catch {
        refusals++;
      }
    }
  }
}

/** Puts the sync record last: it must never be stored before the records that it covers. */
function syncRecordLast(puts: readonly Put[]): Put[] {
  const isLast = (key: string) => (key === keyOf.sync ? 1 : 0);
  return [...puts].sort(([a], [b]) => isLast(a) - isLast(b));
}
