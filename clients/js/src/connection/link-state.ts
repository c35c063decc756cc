/** The state of the link, which its parts share: what apps see of it, and what decides how it goes on. */
import { ChatError } from "../errors.js";
import { Emitter } from "../observable.js";
import type { ConnectionState } from "../types/connection.js";
import type { LiveSocket } from "./live-socket.js";

/** Events for `effects.ts`. */
interface LinkEvents {
  state: ConnectionState;
  /** Messages can be sent now, or over another transport than before. */
  transport: undefined;
}

export class LinkState {
  readonly events = new Emitter<LinkEvents>();
  current: ConnectionState = { status: "signed-out", attempts: 0 };
  /** Failed attempts in a row. */
  attempts = 0;
  /** Failed attempts of the socket alone in a row: after some of them, API mode begins. */
  socketFailures = 0;
  /** The server has answered over HTTP. */
  isReachable = false;
  /** The socket of this connection, which may have closed just now. */
  socket: LiveSocket | undefined;

  get liveSocket(): LiveSocket | undefined {
    return this.socket?.isConnected ? this.socket : undefined;
  }

  /** The transport over which messages are sent now. */
  get transport(): "socket" | "http" | undefined {
    if (this.liveSocket) return "socket";
    return this.isReachable ? "http" : undefined;
  }

  set(status: ConnectionState["status"], error?: ChatError, nextAttemptAt?: number): void {
    this.current = {
      status,
      attempts: this.attempts,
      ...(error && status !== "live" && { error }),
      ...(nextAttemptAt !== undefined && { nextAttemptAt }),
    };
    this.events.emit("state", this.current);
  }

  transportChanged(): void {
    this.events.emit("transport", undefined);
  }

  /** Forgets the failures: the next one is the first. */
  succeeded(): void {
    this.attempts = 0;
    this.socketFailures = 0;
  }
}

export function unreachable(): ChatError {
  return new ChatError({ code: "NETWORK_ERROR", message: "This device has no network." });
}
