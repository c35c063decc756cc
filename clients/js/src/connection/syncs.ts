/** The syncs of the connection, over its present transport, one at a time. */
import { within } from "../clock.js";
import type { Base } from "../core.js";
import type { Delivery } from "../delivery.js";
import { asChatError } from "../errors.js";
import type { SyncBody, Synced } from "../wire.js";
import { type LinkState, unreachable } from "./link-state.js";
import type { LiveSocket } from "./live-socket.js";

export class Syncs {
  private syncing: Promise<void> | undefined;
  private probing: Promise<void> | undefined;
  private soonTimer: unknown;

  constructor(
    private readonly base: Pick<Base, "clock" | "timing" | "http">,
    private readonly delivery: Delivery,
    private readonly state: LinkState,
  ) {}

  /** A whole sync over the present transport. Throws ChatError. */
  async now(): Promise<void> {
    const socket = this.state.liveSocket;
    if (socket) return this.bySocket(socket);
    if (!this.state.isReachable) throw this.state.current.error ?? unreachable();
    return this.byHttp();
  }

  /** Syncs after a short wait. Several calls lead to one sync. */
  soon(): void {
    if (this.soonTimer !== undefined) return;
    this.soonTimer = this.base.clock.setTimeout(() => {
      this.soonTimer = undefined;
      this.now().catch(() => {}); // the failure shows in the connection's state; the next sync fetches the entries
    }, this.base.timing.hold);
  }

  /** Forgets the sync that was to come soon. */
  stop(): void {
    this.base.clock.clearTimeout(this.soonTimer);
    this.soonTimer = undefined;
  }

  byHttp(signal?: AbortSignal): Promise<void> {
    const call = signal ? { signal } : {};
    return this.exclusively(async (body) => (await this.base.http.post("/api/sync", body, call)).data);
  }

  bySocket(socket: LiveSocket, timeout?: number): Promise<void> {
    return this.exclusively(async (body) => (await socket.request("sync", body, timeout)).data);
  }

  /** One long-poll: the server answers when there is something new, or after `timing.pollTimeout`. Throws ChatError. */
  longPoll(signal: AbortSignal): Promise<void> {
    const { http, timing } = this.base;
    const query = { timeout: Math.round(timing.pollTimeout / 1000) };
    const timeout = timing.pollTimeout + timing.requestTimeout;
    return this.delivery.sync(
      async (body) => (await http.post("/api/sync", body, { query, timeout, signal })).data,
      true,
    );
  }

  /** Syncs over a socket that may be dead, and closes it unless the answer comes in time. */
  probe(socket: LiveSocket): void {
    this.probing ??= this.closeUnlessAnswered(socket).finally(() => {
      this.probing = undefined;
    });
  }

  private async closeUnlessAnswered(socket: LiveSocket): Promise<void> {
    try {
      const { clock, timing } = this.base;
      await within(clock, timing.probeTimeout, "The connection", this.bySocket(socket, timing.probeTimeout));
    } catch (thrown) {
      if (this.state.socket === socket) socket.close(asChatError(thrown).message);
    }
  }

  /** One sync at a time: a second one waits, and then sends the new cursors. */
  private async exclusively(ask: (body: SyncBody) => Promise<Synced>): Promise<void> {
    while (this.syncing) await this.syncing.catch(() => {});
    this.syncing = this.delivery.sync(ask, false).finally(() => {
      this.syncing = undefined;
    });
    return this.syncing;
  }
}
