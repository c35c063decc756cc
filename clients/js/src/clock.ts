/** Clocks, pauses, time-outs and retry delays. */
import { ChatError } from "./errors.js";
import type { Clock, Timing } from "./options.js";

export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (run, milliseconds) => setTimeout(run, milliseconds),
  clearTimeout: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
};

const SECOND = 1000;

export const defaultTiming: Timing = {
  healthTimeout: 3 * SECOND,
  requestTimeout: 15 * SECOND,
  connectTimeout: 10 * SECOND,
  ackTimeout: 10 * SECOND,
  pollTimeout: 25 * SECOND,
  probeTimeout: 5 * SECOND,
  retryFirst: 1 * SECOND,
  retryMost: 10 * SECOND,
  socketRetry: 30 * SECOND,
  refreshAhead: 60 * SECOND,
  hold: 1 * SECOND,
  receiptBatch: 2 * SECOND,
  typingEvery: 3 * SECOND,
  draftPause: 0.5 * SECOND,
  storageTimeout: 5 * SECOND,
  backgroundGrace: 30 * SECOND,
  refreshTimeout: 90 * SECOND,
  leaderSilence: 3 * SECOND,
  sleep: 90 * SECOND,
};

/** 1 s, 2 s, 4 s … up to 10 s, each times a random number between 0.5 and 1 (docs/protocol.md, section 2). */
export function retryDelay(attempt: number, timing: Timing, random: () => number): number {
  const exponential = Math.min(timing.retryFirst * 2 ** Math.max(0, attempt - 1), timing.retryMost);
  return exponential * (0.5 + random() / 2);
}

export function aborted(): ChatError {
  return new ChatError({ code: "ABORTED", message: "The call was aborted." });
}

/** Resolves after that time; rejects with ABORTED when the signal comes first. */
export function pause(clock: Clock, milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(aborted());
    const stop = () => {
      clock.clearTimeout(timer);
      reject(aborted());
    };
    const timer = clock.setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** The promise, or TIMEOUT when it takes longer. */
export function within<T>(clock: Clock, milliseconds: number, what: string, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(
      () => reject(new ChatError({ code: "TIMEOUT", message: `${what} took longer than ${milliseconds / 1000} s.` })),
      milliseconds,
    );
    promise.then(resolve, reject).finally(() => clock.clearTimeout(timer));
  });
}

/** Pauses that can all be ended at once. */
export class Sleepers {
  private readonly sleeping = new Set<() => void>();

  constructor(private readonly clock: Clock) {}

  /** Resolves after that time or when woken; rejects with ABORTED when the signal comes first. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(aborted());
    const waking = new AbortController();
    const wake = () => waking.abort();
    this.sleeping.add(wake);
    signal.addEventListener("abort", wake, { once: true });
    return pause(this.clock, milliseconds, waking.signal)
      .catch(() => {})
      .then(() => {
        this.sleeping.delete(wake);
        signal.removeEventListener("abort", wake);
        if (signal.aborted) throw aborted();
      });
  }

  wake(): void {
    for (const wake of [...this.sleeping]) wake();
  }
}
