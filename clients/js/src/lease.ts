/** One tab at a time where tabs share a storage but have no Web Locks: pages over plain HTTP. */
import { pause } from "./clock.js";
import type { Clock } from "./options.js";
import type { ChatStorage } from "./storage/storage.js";

export interface LeaseOptions {
  readonly storage: ChatStorage;
  readonly key: string;
  readonly clock: Clock;
  readonly newId: () => string;
  /** How long a lease lasts whose holder is gone, in milliseconds. */
  readonly lifetime: number;
}

/** Longer than a write takes that was begun at the same time. */
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
      const isFree = !(left > 0 && left <= lifetime); // more is a clock that was set back
      if (isFree) await storage.write([[key, { by, until: clock.now() + lifetime } satisfies Lease]], []);
      await pause(clock, SETTLE);
    }
  } catch {
    return work(); // a storage that fails leases nothing
  }
  try {
    return await work();
  } finally {
    await storage.write([], [key]).catch(() => {}); // it ends by itself
  }
}
