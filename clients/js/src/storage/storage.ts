/** A storage for the SDK: JSON values by key. */
export interface ChatStorage {
  /** The values of these keys, in their order; undefined where there is none. */
  read(keys: readonly string[]): Promise<unknown[]>;
  /** All keys with this prefix. */
  keys(prefix: string): Promise<string[]>;
  /** Writes all or nothing where the medium can; otherwise in the order given, deletions last. */
  write(puts: readonly (readonly [key: string, value: unknown])[], deletes: readonly string[]): Promise<void>;
  /** Whether other tabs of the same origin see the same data. */
  readonly shared: boolean;
}
