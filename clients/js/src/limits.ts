/** The server's limits, as last received, or their defaults. */
import { Source } from "./observable.js";
import { key } from "./records.js";
import type { Store } from "./store/store.js";
import type { ServerLimits } from "./types/chat.js";

const DEFAULT_LIMITS: ServerLimits = { maxTextLength: 10_000, maxTextBytes: 65_536, maxGroupSize: 256 };

export function storedLimits(store: Store): Source<ServerLimits> {
  const limits = new Source(() => store.get<ServerLimits>(key.limits) ?? DEFAULT_LIMITS);
  store.events.on("record", (changed) => changed === key.limits && limits.changed());
  store.events.on("reset", () => limits.changed());
  return limits;
}
