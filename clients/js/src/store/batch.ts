/** The changes that are written together. */
import type { Entry } from "../wire.js";

/** Changes that were written together, as tabs post them to each other. */
export interface StoredBatch {
  readonly puts: readonly (readonly [key: string, value: unknown])[];
  readonly deletes: readonly string[];
  readonly entries: readonly (readonly [conversationId: string, entries: readonly Entry[]])[];
  readonly dropped: readonly string[];
}

/** Changes that wait to be written: the last one of each record and entry. */
export class Batch {
  readonly puts = new Map<string, unknown>();
  readonly deletes = new Set<string>();
  readonly entries = new Map<string, Map<number, Entry>>();
  /** The conversations whose logs are to be forgotten, before the entries are added. */
  readonly dropped = new Set<string>();

  get isEmpty(): boolean {
    return !this.puts.size && !this.deletes.size && !this.entries.size && !this.dropped.size;
  }

  put(key: string, value: unknown): void {
    this.puts.set(key, value);
    this.deletes.delete(key);
  }

  delete(key: string): void {
    this.puts.delete(key);
    this.deletes.add(key);
  }

  addEntries(conversationId: string, entries: readonly Entry[]): void {
    const waiting = this.entries.get(conversationId) ?? new Map<number, Entry>();
    for (const entry of entries) waiting.set(entry.seq, entry);
    this.entries.set(conversationId, waiting);
  }

  dropEntries(conversationId: string): void {
    this.entries.delete(conversationId);
    this.dropped.add(conversationId);
  }

  stored(): StoredBatch {
    const entries = [...this.entries].map(([id, rows]) => [id, [...rows.values()]] as const);
    return { puts: [...this.puts], deletes: [...this.deletes], dropped: [...this.dropped], entries };
  }
}
