/** Records in memory, and the changes that wait to be written. */
import { key } from "./records.js";
import type { Entry } from "./wire.js";

/** Changes that were written together. */
export interface StoredBatch {
  readonly puts: readonly (readonly [key: string, value: unknown])[];
  readonly deletes: readonly string[];
  readonly entries: readonly (readonly [conversationId: string, entries: readonly Entry[]])[];
  readonly dropped: readonly string[];
}

/** Records grouped by kind, so that listing one kind does not visit the others. */
export class Records {
  private readonly kinds = new Map<string, Map<string, unknown>>();

  private kind(key: string): Map<string, unknown> {
    const name = key.split("/", 1)[0] as string;
    const kind = this.kinds.get(name) ?? new Map<string, unknown>();
    this.kinds.set(name, kind);
    return kind;
  }

  get(key: string): unknown {
    return this.kind(key).get(key);
  }

  set(key: string, value: unknown): void {
    this.kind(key).set(key, value);
  }

  delete(key: string): void {
    this.kind(key).delete(key);
  }

  list(kind: string): unknown[] {
    return [...this.kind(kind).values()];
  }

  keys(): string[] {
    return [...this.kinds.values()].flatMap((kind) => [...kind.keys()]);
  }

  clear(): void {
    this.kinds.clear();
  }
}

export class Batch {
  readonly puts = new Map<string, unknown>();
  readonly deletes = new Set<string>();
  readonly entries = new Map<string, Map<number, Entry>>();
  readonly dropped = new Set<string>();

  get isEmpty(): boolean {
    return !this.puts.size && !this.deletes.size && !this.entries.size && !this.dropped.size;
  }
}

/** Puts the sync record last: it must never be stored before the records that it covers. */
export function syncRecordLast(puts: ReadonlyMap<string, unknown>): [string, unknown][] {
  const isLast = (name: string) => (name === key.sync ? 1 : 0);
  return [...puts].sort(([a], [b]) => isLast(a) - isLast(b));
}
