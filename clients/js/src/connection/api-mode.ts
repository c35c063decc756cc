/** API mode, where sockets do not come through: long-polls over HTTP, while the socket is tried again and again. */
import { aborted, retryDelay, type Sleepers } from "../clock.js";
import type { Base } from "../core.js";
import { asChatError, type ChatError } from "../errors.js";
import { isSessionGone } from "../http.js";
import type { LinkState } from "./link-state.js";
import type { LiveSocket } from "./live-socket.js";
import type { SocketOpener } from "./socket-opener.js";
import type { Syncs } from "./syncs.js";

export interface ApiModeParts {
  readonly base: Pick<Base, "clock" | "timing" | "random">;
  readonly state: LinkState;
  readonly syncs: Syncs;
  readonly opener: SocketOpener;
  readonly sleepers: Sleepers;
}

export class ApiMode {
  constructor(private readonly parts: ApiModeParts) {}

  /** Polls until a socket is connected, which is returned, or HTTP fails too, which is thrown. */
  async run(error: ChatError | undefined, signal: AbortSignal): Promise<LiveSocket> {
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
    const { state, syncs } = this.parts;
    await syncs.byHttp(signal);
    state.attempts = 0;
    state.set("api", error, this.nextSocketAt());
    state.transportChanged();
    for (let failures = 0; ; ) {
      try {
        await syncs.longPoll(signal);
        failures = 0;
      } catch (thrown) {
        const failure = asChatError(thrown);
        if (signal.aborted || !failure.retryable || failure.statusCode === 0) throw failure;
        failures++;
        await this.waitAfter(failure, failures, signal);
      }
    }
  }

  private waitAfter(failure: ChatError, failures: number, signal: AbortSignal): Promise<void> {
    const { base, sleepers } = this.parts;
    const delay = retryDelay(failures, base.timing, base.random);
    return sleepers.sleep(Math.max((failure.retryAfter ?? 0) * 1000, delay), signal);
  }

  private async retrySocket(stop: AbortSignal, signal: AbortSignal): Promise<LiveSocket> {
    const { base, state, opener, sleepers } = this.parts;
    for (;;) {
      if (state.current.status === "api") state.set("api", state.current.error, this.nextSocketAt());
      await sleepers.sleep(base.timing.socketRetry, stop);
      try {
        const socket = await opener.open(signal);
        state.socketFailures = 0;
        if (!stop.aborted) return socket;
        socket.close("not needed");
        throw aborted();
      } catch (thrown) {
        const error = asChatError(thrown);
        if (stop.aborted || isSessionGone(error)) throw error;
      }
    }
  }

  private nextSocketAt(): number {
    const { clock, timing } = this.parts.base;
    return clock.now() + timing.socketRetry;
  }
}
