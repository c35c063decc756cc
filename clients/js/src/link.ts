/**
 * The connection to the server: connects, reports its state, and reconnects until it is stopped.
 *
 * In order: a HEAD request shows that the server answers; the socket connects, and delivers every push from `ready` on;
 * a sync fetches the entries missed before; then the connection is live. Where sockets do not come through, API mode:
 * long-poll sync over HTTP, while the socket is tried again and again.
 */
import { aborted, retryDelay, Sleepers, within } from "./clock.js";
import type { Base } from "./core.js";
import type { Delivery } from "./delivery.js";
import type { Environment } from "./environment.js";
import { asChatError, ChatError } from "./errors.js";
import { isSessionGone } from "./http.js";
import { Emitter } from "./observable.js";
import { LiveSocket, type PushHandlers } from "./socket.js";
import type { ConnectionState } from "./types.js";
import type { SyncBody, Synced } from "./wire.js";

/** Events for `effects.ts`. */
interface LinkEvents {
  state: ConnectionState;
  /** Messages can be sent now, or over another transport than before. */
  transport: undefined;
}

const TICKS_A_SLEEP = 4;

export class Link {
  readonly events = new Emitter<LinkEvents>();
  state: ConnectionState = { status: "signed-out", attempts: 0 };
  private running: AbortController | undefined;
  private socket: LiveSocket | undefined;
  /** Started and not stopped. */
  private isWanted = false;
  private isPaused = false;
  private isReachable = false;
  private isOnline = true;
  private attempts = 0;
  private socketFailures = 0;
  private readonly sleepers: Sleepers;
  private probing: Promise<void> | undefined;
  private syncing: Promise<void> | undefined;
  private gapTimer: unknown;
  private tickTimer: unknown;

  constructor(
    private readonly environment: Pick<Environment, "url" | "transports" | "socketAttempts">,
    private readonly base: Base,
    private readonly delivery: Delivery,
    private readonly handlers: PushHandlers,
  ) {
    this.sleepers = new Sleepers(base.clock);
  }

  /** The transport over which messages are sent now. */
  get transport(): "socket" | "http" | undefined {
    if (this.socket?.isConnected) return "socket";
    return this.isReachable ? "http" : undefined;
  }

  get liveSocket(): LiveSocket | undefined {
    return this.socket?.isConnected ? this.socket : undefined;
  }

  start(): void {
    this.isWanted = true;
    if (this.running || this.isPaused) return;
    this.running = new AbortController();
    this.attempts = 0;
    this.socketFailures = 0;
    this.setState("connecting");
    this.watchForSleep();
    this.run(this.running.signal).catch(() => {}); // rejects only with ABORTED
  }

  stop(): void {
    this.isWanted = false;
    this.disconnect();
    this.setState("signed-out");
  }

  /** Disconnects until `resume`. */
  pause(): void {
    this.isPaused = true;
    if (!this.isWanted) return;
    this.disconnect();
    this.attempts = 0;
    this.setState("connecting");
  }

  resume(): void {
    this.isPaused = false;
    if (this.isWanted) this.start();
  }

  private disconnect(): void {
    this.running?.abort();
    this.running = undefined;
    this.socket?.close("stopped");
    this.socket = undefined;
    this.isReachable = false;
    this.base.clock.clearTimeout(this.gapTimer);
    this.gapTimer = undefined;
    this.base.clock.clearTimeout(this.tickTimer);
  }

  /** Ends every wait between attempts; if live, checks that the socket still works. */
  wake(): void {
    this.sleepers.wake();
    this.checkAlive();
  }

  setOnline(isOnline: boolean): void {
    if (isOnline === this.isOnline) return;
    this.isOnline = isOnline;
    if (!isOnline) {
      this.isReachable = false;
      this.socket?.close("no network");
    }
    this.wake();
  }

  /** Syncs over a live socket that may be dead, and closes it unless the answer comes in time. */
  checkAlive(): void {
    if (!this.socket || this.state.status !== "live") return;
    this.probing ??= this.probe(this.socket).finally(() => {
      this.probing = undefined;
    });
  }

  /** Syncs soon, because entries are missing. Several calls lead to one sync. */
  syncSoon(): void {
    if (this.gapTimer !== undefined || !this.running) return;
    this.gapTimer = this.base.clock.setTimeout(() => {
      this.gapTimer = undefined;
      this.syncNow().catch(() => {}); // the failure shows in the connection's state; the next sync fetches the entries
    }, this.base.timing.hold);
  }

  /** A whole sync over the current transport. Throws ChatError. */
  async syncNow(): Promise<void> {
    const socket = this.liveSocket;
    if (socket) return this.syncBySocket(socket);
    if (!this.isReachable) throw this.state.error ?? unreachable();
    return this.syncByHttp();
  }

  /** A whole sync by the leading tab, in the background; a failure is reported. */
  resync(): void {
    const { isLeader, report } = this.base;
    if (isLeader()) this.syncNow().catch((thrown) => report(asChatError(thrown)));
  }

  // -------------------------------------------------------------- the loop

  private async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const ended = await this.connectOnce(signal).catch(asChatError);
      const error = this.isOnline ? ended : unreachable();
      if (signal.aborted) return;
      if (isSessionGone(error) || error.code === "SIGNED_OUT") {
        this.stop(); // until there is a session again
        return this.base.session.reportLost(error);
      }
      this.attempts++;
      const wait = Math.max((error.retryAfter ?? 0) * 1000, this.delay());
      await this.wait(wait, this.isReachable ? "connecting" : "offline", error, signal);
    }
  }

  private delay(): number {
    return retryDelay(this.attempts, this.base.timing, this.base.random);
  }

  /** One connection, from the health check to its end. Returns, or throws, the reason of the end. */
  private async connectOnce(signal: AbortSignal): Promise<ChatError> {
    this.isReachable = false;
    if (!this.isOnline) throw unreachable();
    this.setState("connecting", this.state.error);
    await this.base.http.health(signal);
    this.isReachable = true;
    this.events.emit("transport", undefined);
    const socket = await this.firstSocket(signal);
    const connectedAt = this.base.clock.now();
    const reason = await this.stayLive(socket);
    if (this.base.clock.now() - connectedAt > this.base.timing.retryMost) {
      this.attempts = 0;
      this.socketFailures = 0;
    }
    return new ChatError({ code: "NETWORK_ERROR", message: `The connection was lost (${reason}).` });
  }

  /** Returns a connected socket: at once, or after a time in API mode. */
  private async firstSocket(signal: AbortSignal): Promise<LiveSocket> {
    if (this.socketFailures < this.environment.socketAttempts) {
      await this.base.session.token(); // a failure here does not count as the socket's
      try {
        return await this.openSocket(signal);
      } catch (thrown) {
        const error = asChatError(thrown);
        if (signal.aborted || isSessionGone(error)) throw error;
        this.socketFailures++;
        await this.syncByHttp(); // new entries show while the socket is tried again
        if (this.socketFailures < this.environment.socketAttempts) throw error;
        return this.apiMode(error, signal);
      }
    }
    return this.apiMode(this.state.error, signal);
  }

  private async openSocket(signal: AbortSignal): Promise<LiveSocket> {
    const { url, transports } = this.environment;
    const { clock, timing, session } = this.base;
    const handlers = { ...this.handlers, resync: () => this.resync() };
    const token = await session.token();
    try {
      return await LiveSocket.open({ url, token, transports, clock, timing, handlers, signal });
    } catch (thrown) {
      const error = asChatError(thrown);
      if (error.code !== "TOKEN_EXPIRED") throw error;
      const renewed = await session.renew(token);
      return LiveSocket.open({ url, token: renewed, transports, clock, timing, handlers, signal });
    }
  }

  /** Syncs, is live, and waits for the end of the socket. Returns its reason. */
  private async stayLive(socket: LiveSocket): Promise<string> {
    this.socket = socket;
    try {
      this.events.emit("transport", undefined);
      await this.syncBySocket(socket);
      if (socket.isConnected) {
        this.setState("live");
        this.events.emit("transport", undefined);
      }
      return await socket.closed;
    } catch (thrown) {
      const error = asChatError(thrown);
      socket.close(error.message);
      throw error;
    } finally {
      this.socket = undefined;
    }
  }

  // -------------------------------------------------------------- API mode

  /** Polls until a socket is connected, which is returned, or HTTP fails too, which is thrown. */
  private async apiMode(error: ChatError | undefined, signal: AbortSignal): Promise<LiveSocket> {
    const stop = new AbortController();
    const end = () => stop.abort();
    signal.addEventListener("abort", end, { once: true });
    try {
      return await Promise.race([this.poll(error, stop.signal), this.retrySocket(stop.signal, signal)]);
    } finally {
      signal.removeEventListener("abort", end);
      stop.abort();
    }
  }

  private async poll(error: ChatError | undefined, signal: AbortSignal): Promise<never> {
    const { http, timing } = this.base;
    await this.syncByHttp(signal);
    this.attempts = 0;
    this.setState("api", error, this.base.clock.now() + timing.socketRetry);
    this.events.emit("transport", undefined);
    const seconds = Math.round(timing.pollTimeout / 1000);
    for (let failures = 0; ; ) {
      try {
        const ask = async (body: SyncBody) => {
          const timeout = timing.pollTimeout + timing.requestTimeout;
          return (await http.post("/api/sync", body, { query: { timeout: seconds }, timeout, signal })).data;
        };
        await this.delivery.sync(ask, true);
        failures = 0;
      } catch (thrown) {
        const failure = asChatError(thrown);
        if (signal.aborted || !failure.retryable || failure.statusCode === 0) throw failure;
        failures++;
        const { random } = this.base;
        await this.sleepers.sleep(
          Math.max((failure.retryAfter ?? 0) * 1000, retryDelay(failures, timing, random)),
          signal,
        );
      }
    }
  }

  private async retrySocket(stop: AbortSignal, signal: AbortSignal): Promise<LiveSocket> {
    for (;;) {
      const { clock, timing } = this.base;
      if (this.state.status === "api") this.setState("api", this.state.error, clock.now() + timing.socketRetry);
      await this.sleepers.sleep(timing.socketRetry, stop);
      try {
        const socket = await this.openSocket(signal);
        this.socketFailures = 0;
        if (!stop.aborted) return socket;
        socket.close("not needed");
        throw aborted();
      } catch (thrown) {
        const error = asChatError(thrown);
        if (stop.aborted || isSessionGone(error)) throw error;
      }
    }
  }

  // -------------------------------------------------------------- sync

  private syncByHttp(signal?: AbortSignal): Promise<void> {
    const call = signal ? { signal } : {};
    return this.syncExclusively(async (body) => (await this.base.http.post("/api/sync", body, call)).data);
  }

  private syncBySocket(socket: LiveSocket, timeout?: number): Promise<void> {
    return this.syncExclusively(async (body) => (await socket.request("sync", body, timeout)).data);
  }

  /** One sync at a time: a second one waits, and then sends the new cursors. */
  private async syncExclusively(ask: (body: SyncBody) => Promise<Synced>): Promise<void> {
    while (this.syncing) await this.syncing.catch(() => {});
    this.syncing = this.delivery.sync(ask, false).finally(() => {
      this.syncing = undefined;
    });
    return this.syncing;
  }

  private async probe(socket: LiveSocket): Promise<void> {
    try {
      const { clock, timing } = this.base;
      await within(clock, timing.probeTimeout, "The connection", this.syncBySocket(socket, timing.probeTimeout));
    } catch (thrown) {
      if (this.socket === socket) socket.close(asChatError(thrown).message);
    }
  }

  // -------------------------------------------------------------- waiting

  private async wait(
    ms: number,
    status: "connecting" | "offline",
    error: ChatError,
    signal: AbortSignal,
  ): Promise<void> {
    this.setState(status, error, this.base.clock.now() + ms);
    this.events.emit("transport", undefined);
    await this.sleepers.sleep(ms, signal);
  }

  /** A jump of the clock means that the process was suspended: a socket that looks alive may be dead. */
  private watchForSleep(): void {
    const { clock, timing } = this.base;
    const every = timing.sleep / TICKS_A_SLEEP;
    let before = clock.now();
    const tick = () => {
      const now = clock.now();
      if (now - before > timing.sleep) this.wake();
      before = now;
      this.tickTimer = clock.setTimeout(tick, every);
    };
    this.tickTimer = clock.setTimeout(tick, every);
  }

  private setState(status: ConnectionState["status"], error?: ChatError, nextAttemptAt?: number): void {
    this.state = {
      status,
      attempts: this.attempts,
      ...(error && status !== "live" && { error }),
      ...(nextAttemptAt !== undefined && { nextAttemptAt }),
    };
    this.events.emit("state", this.state);
  }
}

function unreachable(): ChatError {
  return new ChatError({ code: "NETWORK_ERROR", message: "This device has no network." });
}
