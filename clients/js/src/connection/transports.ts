/** The Socket.IO transports of each attempt to connect. */

export type Transport = "polling" | "websocket";

const POLLING_FIRST: readonly Transport[] = ["polling", "websocket"];
const WEBSOCKET_FIRST: readonly Transport[] = ["websocket", "polling"];

/**
 * A WebSocket is one connection, and so stays with one of the server's processes. A polling client's requests may come to
 * several machines, which takes a router that sends them all to the same one. So where the server says that it is not
 * alone, a WebSocket is tried first; where that is not known yet, after a first attempt has failed.
 */
export class Transports {
  private processes: number | undefined;
  private failures = 0;

  constructor(private readonly chosen: readonly Transport[] | undefined) {}

  get next(): readonly Transport[] {
    if (this.chosen) return this.chosen;
    const isWebSocketFirst = this.processes === undefined ? this.failures % 2 === 1 : this.processes > 1;
    return isWebSocketFirst ? WEBSOCKET_FIRST : POLLING_FIRST;
  }

  /** A socket is connected: to a server of so many processes, if it says so. */
  connected(processes: number | undefined): void {
    this.processes = processes;
    this.failures = 0;
  }

  failed(): void {
    this.failures++;
  }
}
