/** The connection to the server, as apps show it. */
import type { ChatError } from "../errors.js";
import type { Observable } from "./observable.js";

/**
 * - `signed-out`: nobody is signed in; nothing is tried.
 * - `connecting`: an attempt is under way, or the next one is waited for and the server was reachable.
 * - `offline`: the server, or the device's network, could not be reached.
 * - `live`: the socket is connected and everything missed was fetched.
 * - `api`: sockets do not come through; everything works over HTTP (long-poll), the socket is tried meanwhile.
 */
export type ConnectionStatus = "signed-out" | "connecting" | "offline" | "live" | "api";

export interface ConnectionState {
  readonly status: ConnectionStatus;
  /** The error because of which it is not live. */
  readonly error?: ChatError;
  /** The time of the next attempt (milliseconds since 1970); undefined while one is under way. */
  readonly nextAttemptAt?: number;
  /** Failed attempts in a row. */
  readonly attempts: number;
}

export interface Connection extends Observable<ConnectionState> {
  /** Try now instead of at `nextAttemptAt`. */
  retryNow(): void;
  /** Reports whether the device has a network. In browsers, the SDK finds out by itself. */
  setOnline(isOnline: boolean): void;
  /** The app came to the foreground (true) or went to the background. In browsers, the SDK finds out by itself. */
  setForeground(isForeground: boolean): void;
}
