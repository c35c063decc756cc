/** The reactions to a message: in the log (docs/protocol.md, section 5), and as they show before they are there. */
import type { Reaction } from "./types/messages.js";
import type { Entry } from "./wire.js";

type WireReaction = NonNullable<Entry["reactions"]>[number];

const NONE: readonly Reaction[] = [];

/** The reactions after one was set or taken back; what is so already changes nothing. */
export function withReaction(
  reactions: readonly WireReaction[],
  userId: string,
  emoji: string,
  on: boolean,
): WireReaction[] {
  const isIt = (row: WireReaction) => plain(row.emoji) === plain(emoji);
  const known = reactions.find(isIt);
  if (!known) return on ? [...reactions, { emoji, count: 1, users: [userId] }] : [...reactions];
  if (known.users.includes(userId) === on) return [...reactions];
  const users = on ? [...known.users, userId] : known.users.filter((id) => id !== userId);
  const after = { ...known, count: users.length, users };
  return reactions.map((row) => (isIt(row) ? after : row)).filter((row) => row.count > 0);
}

/** The reactions as apps show them. */
export function shownReactions(reactions: readonly WireReaction[] | undefined, me: string): readonly Reaction[] {
  if (!reactions?.length) return NONE;
  return reactions.map(({ emoji, count, users }) => ({ emoji, count, users, mine: users.includes(me) }));
}

/** The reactions with an own one that is not in the log yet. */
export function withOwnReaction(shown: readonly Reaction[], me: string, emoji: string, on: boolean) {
  const rows = shown.map(({ emoji, count, users }) => ({ emoji, count, users: [...users] }));
  return shownReactions(withReaction(rows, me, emoji, on), me);
}

/** An emoji without the selector that asks for its coloured picture: with and without it, it is the same. */
function plain(emoji: string): string {
  return emoji.replaceAll("\uFE0F", "");
}
