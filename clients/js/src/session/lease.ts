/** A lock in the storage, for tabs that share it but have no Web Locks: pages over plain HTTP. */
import { pause } from "../clock.js";
import type { Clock } from "../options.js";
import type { ChatStorage } from "../storage/storage.js";

export interface LeaseOptions {
  readonly storage: ChatStorage;
  readonly key: string;
  readonly clock: Clock;
  readonly newId: () => string;
  /** Milliseconds until a lease expires whose holder has gone. */
  readonly lifetime: number;
}

/** Milliseconds: longer than any write that another tab began at the same time. */
const SETTLE = 100;

interface Lease {
  readonly by: string;
  readonly until: number;
}

/** Runs `work` when the lease is this tab's: written, and still there after a pause (Fischer's algorithm). */
export async function withLease<T>(options: LeaseOptions, work: () => Promise<T>): Promise<T> {
  const { storage, key, clock, newId, lifetime } = options;
  const by = newId();
  const found = async () => ((await storage.read([key]))[0] ?? { by: "", until: 0 }) as Lease;
  try {
    while ((await found()).by !== by) {
      const left = (await found()).until - clock.now();
      const isFree = !(left > 0 && left <= lifetime); // more than a lifetime means that a clock was set back
      if (isFree) await storage.write([[key, { by, until: clock.now() + lifetime } satisfies Lease]], []);
      await pause(clock, SETTLE);
    }
  } catch {
    return work(); // a storage that fails can't hold a lease
  }
  try {
    return await work();
  } finally {
    await storage.write([], [key]).catch(() => {}); // it expires by itself
  }
}
