/**
 * The connection: connects, says how it stands, and connects again for ever.
 *
 * In order: is the server there (HEAD health)? then the socket, which hears everything from `ready` on; then sync
 * fetches what was missed; then it is live. When the socket does not come through, API mode: long-poll sync over HTTP,
 * with the socket tried meanwhile.
 */
import { aborted, retryDelay, Sleepers, within } from "./clock.js";
import { asChatError, ChatError } from "./errors.js";
import { type Http, isSessionGone } from "./http.js";
import type { Clock, Timing } from "./options.js";
import type { Session } from "./session.js";
import { LiveSocket, type SocketHandlers } from "./socket.js";
import type { ConnectionState } from "./types.js";
import type { SyncBody, Synced } from "./wire.js";

export interface LinkOptions {
  readonly url: string;
  readonly transports: readonly ("polling" | "websocket")[];
  readonly socketAttempts: number;
  readonly clock: Clock;
  readonly timing: Timing;
  readonly random: () => number;
  readonly http: Http;
  readonly session: Session;
  readonly handlers: () => SocketHandlers;
  /** Runs a whole sync with this way of asking. */
  readonly sync: (ask: (body: SyncBody) => Promise<Synced>, isLive: boolean) => Promise<void>;
  readonly onState: (state: ConnectionState) => void;
  /** A way to send is there, or is another one. */
  readonly onTransport: () => void;
}

const TICKS_A_SLEEP = 4;

export class Link {
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

  constructor(private readonly options: LinkOptions) {
    this.sleepers = new Sleepers(options.clock);
  }

  /** What messages are sent over just now. */
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
    this.set("connecting");
    this.watchForSleep();
    this.run(this.running.signal).catch(() => {}); // ends by ABORTED only
  }

  stop(): void {
    this.isWanted = false;
    this.halt();
    this.set("signed-out");
  }

  /** Lets the connection go, and makes none until `resume`. */
  pause(): void {
    this.isPaused = true;
    if (!this.isWanted) return;
    this.halt();
    this.attempts = 0;
    this.set("connecting");
  }

  resume(): void {
    this.isPaused = false;
    if (this.isWanted) this.start();
  }

  private halt(): void {
    this.running?.abort();
    this.running = undefined;
    this.socket?.close("stopped");
    this.socket = undefined;
    this.isReachable = false;
    this.options.clock.clearTimeout(this.gapTimer);
    this.gapTimer = undefined;
    this.options.clock.clearTimeout(this.tickTimer);
  }

  /** Try now; when live, find out whether that is still true. */
  wake(): void {
    this.sleepers.wake();
    this.suspect();
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

  /** The socket did not answer in time: it may be dead without knowing. */
  suspect(): void {
    if (!this.socket || this.state.status !== "live") return;
    this.probing ??= this.probe(this.socket).finally(() => {
      this.probing = undefined;
    });
  }

  /** Entries are missing: sync soon. Several calls make one. */
  syncSoon(): void {
    if (this.gapTimer !== undefined || !this.running) return;
    this.gapTimer = this.options.clock.setTimeout(() => {
      this.gapTimer = undefined;
      this.syncNow().catch(() => {}); // the connection's state tells; the next sync brings it
    }, this.options.timing.hold);
  }

  /** A whole sync over the transport there is. Throws ChatError. */
  async syncNow(): Promise<void> {
    const socket = this.liveSocket;
    if (socket) return this.syncOver(socket);
    if (!this.isReachable) throw this.state.error ?? unreachable();
    return this.syncByHttp();
  }

  // -------------------------------------------------------------- the loop

  private async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const ended = await this.round(signal).catch(asChatError);
      const error = this.isOnline ? ended : unreachable();
      if (signal.aborted) return;
      if (isSessionGone(error) || error.code === "SIGNED_OUT") {
        this.stop(); // until there is a session again
        return this.options.session.lost(error);
      }
      this.attempts++;
      const wait = Math.max((error.retryAfter ?? 0) * 1000, this.delay());
      await this.wait(wait, this.isReachable ? "connecting" : "offline", error, signal);
    }
  }

  private delay(): number {
    return retryDelay(this.attempts, this.options.timing, this.options.random);
  }

  /** From health to the end of the connection; gives, or throws, why it ended. */
  private async round(signal: AbortSignal): Promise<ChatError> {
    this.isReachable = false;
    if (!this.isOnline) throw unreachable();
    this.set("connecting", this.state.error);
    await this.options.http.health(signal);
    this.isReachable = true;
    this.options.onTransport();
    const socket = await this.firstSocket(signal);
    const connectedAt = this.options.clock.now();
    const reason = await this.live(socket);
    if (this.options.clock.now() - connectedAt > this.options.timing.retryMost) {
      this.attempts = 0;
      this.socketFailures = 0;
    }
    return new ChatError({ code: "NETWORK_ERROR", message: `The connection was lost (${reason}).` });
  }

  /** A connected socket: at once, or after a time in API mode. */
  private async firstSocket(signal: AbortSignal): Promise<LiveSocket> {
    if (this.socketFailures < this.options.socketAttempts) {
      await this.options.session.token(); // what fails here is not the socket's fault
      try {
        return await this.openSocket(signal);
      } catch (thrown) {
        const error = asChatError(thrown);
        if (signal.aborted || isSessionGone(error)) throw error;
        this.socketFailures++;
        await this.syncByHttp(); // what is new shows meanwhile
        if (this.socketFailures < this.options.socketAttempts) throw error;
        return this.apiMode(error, signal);
      }
    }
    return this.apiMode(this.state.error, signal);
  }

  private async openSocket(signal: AbortSignal): Promise<LiveSocket> {
    const { url, transports, clock, timing, session } = this.options;
    const handlers = this.options.handlers();
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

  /** From the connected socket to its end; gives the reason. */
  private async live(socket: LiveSocket): Promise<string> {
    this.socket = socket;
    try {
      this.options.onTransport();
      await this.syncOver(socket);
      if (socket.isConnected) {
        this.set("live");
        this.options.onTransport();
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

  /** Long-poll until a socket is there, which is given, or HTTP fails too, which is thrown. */
  private async apiMode(error: ChatError | undefined, signal: AbortSignal): Promise<LiveSocket> {
    const stop = new AbortController();
    const end = () => stop.abort();
    signal.addEventListener("abort", end, { once: true });
    try {
      return await Promise.race([this.poll(error, stop.signal), this.socketMeanwhile(stop.signal, signal)]);
    } finally {
      signal.removeEventListener("abort", end);
      stop.abort();
    }
  }

  private async poll(error: ChatError | undefined, signal: AbortSignal): Promise<never> {
    const { http, timing } = this.options;
    await this.syncByHttp(signal);
    this.attempts = 0;
    this.set("api", error, this.options.clock.now() + timing.socketRetry);
    this.options.onTransport();
    const seconds = Math.round(timing.pollTimeout / 1000);
    for (let failures = 0; ; ) {
      try {
        const ask = async (body: SyncBody) => {
          const timeout = timing.pollTimeout + timing.requestTimeout;
          return (await http.post("/api/sync", body, { query: { timeout: seconds }, timeout, signal })).data;
        };
        await this.options.sync(ask, true);
        failures = 0;
      } catch (thrown) {
        const failure = asChatError(thrown);
        if (signal.aborted || !failure.retryable || failure.statusCode === 0) throw failure;
        failures++;
        const { random } = this.options;
        await this.sleepers.sleep(
          Math.max((failure.retryAfter ?? 0) * 1000, retryDelay(failures, timing, random)),
          signal,
        );
      }
    }
  }

  private async socketMeanwhile(stop: AbortSignal, signal: AbortSignal): Promise<LiveSocket> {
    for (;;) {
      const { clock, timing } = this.options;
      if (this.state.status === "api") this.set("api", this.state.error, clock.now() + timing.socketRetry);
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
    return this.oneSync(async (body) => (await this.options.http.post("/api/sync", body, call)).data);
  }

  private syncOver(socket: LiveSocket, timeout?: number): Promise<void> {
    return this.oneSync(async (body) => (await socket.request("sync", body, timeout)).data);
  }

  /** One at a time: who comes second waits, and then asks with the new cursors. */
  private async oneSync(ask: (body: SyncBody) => Promise<Synced>): Promise<void> {
    while (this.syncing) await this.syncing.catch(() => {});
    this.syncing = this.options.sync(ask, false).finally(() => {
      this.syncing = undefined;
    });
    return this.syncing;
  }

  private async probe(socket: LiveSocket): Promise<void> {
    try {
      const { clock, timing } = this.options;
      await within(clock, timing.probeTimeout, "The connection", this.syncOver(socket, timing.probeTimeout));
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
    this.set(status, error, this.options.clock.now() + ms);
    this.options.onTransport();
    await this.sleepers.sleep(ms, signal);
  }

  /** A clock that has leapt means that the process was suspended: what looked alive may be long dead. */
  private watchForSleep(): void {
    const { clock, timing } = this.options;
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

  private set(status: ConnectionState["status"], error?: ChatError, nextAttemptAt?: number): void {
    this.state = {
      status,
      attempts: this.attempts,
      ...(error && status !== "live" && { error }),
      ...(nextAttemptAt !== undefined && { nextAttemptAt }),
    };
    this.options.onState(this.state);
  }
}

function unreachable(): ChatError {
  return new ChatError({ code: "NETWORK_ERROR", message: "This device has no network." });
}
