/** The records of one user in memory. */

/** Changes of records: those of a batch that waits here, or that another tab has written. */
interface RecordChanges {
  readonly puts: Iterable<readonly [key: string, value: unknown]>;
  readonly deletes: Iterable<string>;
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

  apply({ puts, deletes }: RecordChanges): void {
    for (const [key, value] of puts) this.set(key, value);
    for (const key of deletes) this.delete(key);
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
