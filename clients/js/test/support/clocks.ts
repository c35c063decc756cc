/** Clocks that leap or stand still, with timers of the real one. */
import { systemClock } from "../../src/clock.js";
import type { Clock } from "../../src/index.js";

/** `leap` is what a sleep of the whole device looks like: timers stood still, the time of day went on. */
export class LeapingClock implements Clock {
  private offset = 0;
  readonly setTimeout = systemClock.setTimeout;
  readonly clearTimeout = systemClock.clearTimeout;

  now(): number {
    return Date.now() + this.offset;
  }

  leap(milliseconds: number): void {
    this.offset += milliseconds;
  }
}

/** A device whose clock is no help. */
export function stoppedClock(): Clock {
  const stopped = Date.now();
  return { ...systemClock, now: () => stopped };
}
