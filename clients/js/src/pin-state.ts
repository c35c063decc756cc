/** The pin of a message. */
import type { Message } from "./types/messages.js";
import type { Entry } from "./wire.js";

/** The message after an entry that pins it, until a time if one is given, or that unpins it. */
export function withPin(message: Entry, isPinned: boolean, until: string | undefined): Entry {
  const { pinned: _, pinnedUntil: __, ...rest } = message;
  return { ...rest, ...(isPinned && { pinned: true }), ...(isPinned && until && { pinnedUntil: until }) };
}

/** The pin of a message as apps show it; one that has run out is none. */
export function shownPin(pinned: boolean, until: string | null, now: number): Pick<Message, "pinned" | "pinnedUntil"> {
  const isOver = until !== null && Date.parse(until) <= now;
  return pinned && !isOver ? { pinned: true, pinnedUntil: until } : { pinned: false, pinnedUntil: null };
}
