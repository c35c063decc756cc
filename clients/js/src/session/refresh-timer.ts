/** The time at which the tokens are refreshed: ahead of their end, so that the socket can go on with the new ones. */
import type { Clock, Timing } from "../options.js";
import type { StoredSession } from "./stored-session.js";

const LONGEST_TIMER = 2 ** 31 - 1;

export class RefreshTimer {
  private timer: unknown;

  constructor(private readonly options: { readonly clock: Clock; readonly timing: Timing }) {}

  /** The access token need not be refreshed yet. */
  isFresh(session: StoredSession): boolean {
    return this.timeLeft(session) > 0;
  }

  start(session: StoredSession, refresh: () => void): void {
    const { clock } = this.options;
    this.stop();
    const wait = Math.min(Math.max(this.timeLeft(session), 0), LONGEST_TIMER);
    this.timer = clock.setTimeout(refresh, wait);
  }

  stop(): void {
    this.options.clock.clearTimeout(this.timer);
  }

  /** Milliseconds until the tokens are to be refreshed. */
  private timeLeft(session: StoredSession): number {
    const { clock, timing } = this.options;
    const margin = Math.min(timing.refreshAhead, session.lifetime / 2);
    return session.expiresAt - margin - clock.now();
  }
}
