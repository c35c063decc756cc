/** Clocks that leap, stand still or hurry, with timers of the real one. */
import { defaultTiming, systemClock } from "../../src/clock.js";
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

interface Timer {
  readonly length: number;
  readonly run: () => void;
  real: unknown;
}

/** The lengths of the time-outs of requests, by default. */
export const TIME_OUTS = [
  defaultTiming.healthTimeout,
  defaultTiming.requestTimeout,
  defaultTiming.connectTimeout,
  defaultTiming.ackTimeout,
];

/**
 * Timers of some lengths come soon while a test hurries them, and else take their time: a time-out that is wanted is not
 * waited for, and none that is not wanted comes because the machine is slow.
 */
export class HastyClock implements Clock {
  private readonly timers = new Set<Timer>();
  private hurried: readonly number[] = [];
  private soon = 0;

  now(): number {
    return Date.now();
  }

  setTimeout(run: () => void, length: number): unknown {
    const timer: Timer = { length, run, real: undefined };
    this.timers.add(timer);
    this.wind(timer);
    return timer;
  }

  clearTimeout(timer: unknown): void {
    if (!this.timers.delete(timer as Timer)) return;
    systemClock.clearTimeout((timer as Timer).real);
  }

  /** From now on the timers of these lengths come soon, also those that wait. */
  hurry(lengths: readonly number[], soon = 20): void {
    this.hurried = lengths;
    this.soon = soon;
    for (const timer of this.timers) {
      if (!lengths.includes(timer.length)) continue;
      systemClock.clearTimeout(timer.real);
      this.wind(timer);
    }
  }

  calm(): void {
    this.hurried = [];
  }

  private wind(timer: Timer): void {
    const ring = () => {
      this.timers.delete(timer);
      timer.run();
    };
    timer.real = systemClock.setTimeout(ring, this.hurried.includes(timer.length) ? this.soon : timer.length);
  }
}

/** A device whose clock is no help. */
export function stoppedClock(): Clock {
  const stopped = Date.now();
  return { ...systemClock, now: () => stopped };
}
