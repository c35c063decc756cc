/** What the SDK needs of a place to keep things: values that JSON can carry, by key. */
export interface ChatStorage {
  /** The values of these keys, in their order; undefined where there is none. */
  read(keys: readonly string[]): Promise<unknown[]>;
  /** All keys that begin so. */
  keys(prefix: string): Promise<string[]>;
  /** All or nothing where the medium can do that; else in the order given, deletions last. */
  write(puts: readonly (readonly [key: string, value: unknown])[], deletes: readonly string[]): Promise<void>;
  /** Whether other tabs of the same origin see the same data. */
  readonly shared: boolean;
}
