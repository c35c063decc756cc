/** Lists and their states, so that an empty list is no error and an error is not empty. */
import type { ChatError } from "../errors.js";

/** Why a list is empty, as the server says it (`NO_USERS`, `NO_MATCH`, `NO_CONVERSATIONS`). */
export interface EmptyReason {
  readonly code: string;
  readonly message: string;
}

/**
 * A list and its state.
 *
 * - `loading`: nothing is known yet, from neither cache nor server.
 * - `ready`: there is something to show. `stale` while it is from the cache or the connection is away;
 *   `error` when the last attempt to refresh it failed.
 * - `empty`: the server said that there is nothing, and why (`reason`).
 * - `error`: there is nothing to show because loading failed.
 */
export interface List<T> {
  readonly status: "loading" | "ready" | "empty" | "error";
  readonly data: readonly T[];
  readonly error?: ChatError;
  readonly stale: boolean;
  readonly reason?: EmptyReason;
}
