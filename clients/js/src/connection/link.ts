/**
 * The connection to the server: connects, reports its state, and reconnects until it is stopped.
 *
 * In order: a HEAD request shows that the server answers; the socket connects, and delivers every push from `ready` on;
 * a sync fetches the entries missed before; then the connection is live. Where sockets do not come through, API mode
 * (`api-mode.ts`).
 */
import { retryDelay, Sleepers } from "../clock.js";
import type { Base } from "../core.js";
import type { Delivery } from "../delivery.js";
import type { Environment } from "../environment.js";
import { asChatError, ChatError } from "../errors.js";
import { isSessionGone } from "../http.js";
import { ApiMode } from "./api-mode.js";
import { LinkState, unreachable } from "./link-state.js";
import type { LiveSocket, PushHandlers } from "./live-socket.js";
import { SleepWatch } from "./sleep-watch.js";
import { SocketOpener } from "./socket-opener.js";
import { Syncs } from "./syncs.js";

export class Link {
  private readonly state = new LinkState();
  readonly events = this.state.events;
  private running: AbortController | undefined;
  /** Started and not stopped. */
  private isWanted = false;
  private isPaused = false;
  private isOnline = true;
  private readonly sleepers: Sleepers;
  private readonly sleepWatch: SleepWatch;
  private readonly syncs: Syncs;
  private readonly opener: SocketOpener;
  private readonly apiMode: ApiMode;

  constructor(
    private readonly environment: Pick<Environment, "url" | "transports" | "socketAttempts">,
    private readonly base: Base,
    delivery: Delivery,
    handlers: PushHandlers,
  ) {
    const { state } = this;
    this.sleepers = new Sleepers(base.clock);
    this.sleepWatch = new SleepWatch(base, () => this.wake());
    this.syncs = new Syncs(base, delivery, state);
    this.opener = new SocketOpener(environment, base, { ...handlers, resync: () => this.resync() });
    this.apiMode = new ApiMode({ base, state, syncs: this.syncs, opener: this.opener, sleepers: this.sleepers });
  }

  /** The transport over which messages are sent now. */
  get transport(): "socket" | "http" | undefined {
    return this.state.transport;
  }

  get liveSocket(): LiveSocket | undefined {
    return this.state.liveSocket;
  }

  // -------------------------------------------------------------- start and stop

  start(): void {
    this.isWanted = true;
    if (this.running || this.isPaused) return;
    this.running = new AbortController();
    this.state.succeeded();
    this.state.set("connecting");
    this.sleepWatch.start();
    this.run(this.running.signal).catch(() => {}); // rejects only with ABORTED
  }

  stop(): void {
    this.isWanted = false;
    this.disconnect();
    this.state.set("signed-out");
  }

  /** Disconnects until `resume`. */
  pause(): void {
    this.isPaused = true;
    if (!this.isWanted) return;
    this.disconnect();
    this.state.attempts = 0;
    this.state.set("connecting");
  }

  resume(): void {
    this.isPaused = false;
    if (this.isWanted) this.start();
  }

  private disconnect(): void {
    this.running?.abort();
    this.running = undefined;
    this.state.socket?.close("stopped");
    this.state.socket = undefined;
    this.state.isReachable = false;
    this.syncs.stop();
    this.sleepWatch.stop();
  }

  // -------------------------------------------------------------- news from the device

  /** Ends every wait between attempts; if live, checks that the socket still works. */
  wake(): void {
    this.sleepers.wake();
    this.checkAlive();
  }

  setOnline(isOnline: boolean): void {
    if (isOnline === this.isOnline) return;
    this.isOnline = isOnline;
    if (!isOnline) {
      this.state.isReachable = false;
      this.state.socket?.close("no network");
    }
    this.wake();
  }

  /** Syncs over a live socket that may be dead, and closes it unless the answer comes in time. */
  checkAlive(): void {
    const { socket, current } = this.state;
    if (socket && current.status === "live") this.syncs.probe(socket);
  }

  // -------------------------------------------------------------- sync

  /** Syncs soon, because entries are missing. Several calls lead to one sync. */
  syncSoon(): void {
    if (this.running) this.syncs.soon();
  }

  /** A whole sync over the current transport. Throws ChatError. */
  syncNow(): Promise<void> {
    return this.syncs.now();
  }

  /** A whole sync by the leading tab, in the background; a failure is reported. */
  resync(): void {
    const { isLeader, report } = this.base;
    if (isLeader()) this.syncNow().catch((thrown) => report(asChatError(thrown)));
  }

  // -------------------------------------------------------------- the loop

  private async run(signal: AbortSignal): Promise<void> {
    const { state, base } = this;
    while (!signal.aborted) {
      const ended = await this.connectOnce(signal).catch(asChatError);
      const error = this.isOnline ? ended : unreachable();
      if (signal.aborted) return;
      if (isSessionGone(error) || error.code === "SIGNED_OUT") {
        this.stop(); // until there is a session again
        return base.session.reportLost(error);
      }
      state.attempts++;
      const delay = retryDelay(state.attempts, base.timing, base.random);
      const wait = Math.max((error.retryAfter ?? 0) * 1000, delay);
      state.set(state.isReachable ? "connecting" : "offline", error, base.clock.now() + wait);
      state.transportChanged();
      await this.sleepers.sleep(wait, signal);
    }
  }

  /** One connection, from the health check to its end. Returns, or throws, the reason of the end. */
  private async connectOnce(signal: AbortSignal): Promise<ChatError> {
    const { state, base } = this;
    state.isReachable = false;
    if (!this.isOnline) throw unreachable();
    state.set("connecting", state.current.error);
    await base.http.health(signal);
    state.isReachable = true;
    state.transportChanged();
    const socket = await this.firstSocket(signal);
    const connectedAt = base.clock.now();
    const reason = await this.stayLive(socket);
    if (base.clock.now() - connectedAt > base.timing.retryMost) state.succeeded();
    return new ChatError({ code: "NETWORK_ERROR", message: `The connection was lost (${reason}).` });
  }

  /** Returns a connected socket: at once, or after a time in API mode. */
  private async firstSocket(signal: AbortSignal): Promise<LiveSocket> {
    const { state } = this;
    if (this.isSocketGivenUp) return this.apiMode.run(state.current.error, signal);
    await this.base.session.token(); // a failure here does not count as the socket's
    try {
      return await this.opener.open(signal);
    } catch (thrown) {
      const error = asChatError(thrown);
      if (signal.aborted || isSessionGone(error)) throw error;
      state.socketFailures++;
      await this.syncs.byHttp(); // new entries show while the socket is tried again
      if (!this.isSocketGivenUp) throw error;
      return this.apiMode.run(error, signal);
    }
  }

  private get isSocketGivenUp(): boolean {
    return this.state.socketFailures >= this.environment.socketAttempts;
  }

  /** Syncs, is live, and waits for the end of the socket. Returns its reason. */
  private async stayLive(socket: LiveSocket): Promise<string> {
    const { state } = this;
    state.socket = socket;
    try {
      state.transportChanged();
      await this.syncs.bySocket(socket);
      if (socket.isConnected) {
        state.set("live");
        state.transportChanged();
      }
      return await socket.closed;
    } catch (thrown) {
      const error = asChatError(thrown);
      socket.close(error.message);
      throw error;
    } finally {
      state.socket = undefined;
    }
  }
}
