/** A timeline as rows to draw: days, the unread line, events, and messages in groups. */
import type { ConversationEvent, Message, TimelineItem } from "@chatapp/client";
import { dayLabel, dayOf } from "../lib/time";

export type Row =
  | { readonly kind: "day"; readonly key: string; readonly label: string }
  | { readonly kind: "unread"; readonly key: "unread"; readonly count: number }
  | { readonly kind: "event"; readonly key: string; readonly event: ConversationEvent }
  | {
      readonly kind: "message";
      readonly key: string;
      readonly message: Message;
      /** First and last of what one person said in one go. */
      readonly isFirst: boolean;
      readonly isLast: boolean;
    };

interface View {
  /** There is more before the first item: what day it was, and whether it is unread too, is not known. */
  readonly hasOlder: boolean;
  /** The line stands before the first message of others after this; undefined for none. */
  readonly unreadAfter: number | undefined;
  readonly now: Date;
}

const ONE_GO = 5 * 60 * 1000;

function belongTogether(a: TimelineItem | undefined, b: TimelineItem | undefined): boolean {
  if (a?.kind !== "message" || b?.kind !== "message" || a.sender.id !== b.sender.id) return false;
  const apart = Date.parse(b.createdAt) - Date.parse(a.createdAt);
  return apart < ONE_GO && dayOf(a.createdAt) === dayOf(b.createdAt);
}

export function isUnread(item: TimelineItem, after: number): boolean {
  return item.kind === "message" && !item.mine && item.seq !== null && item.seq > after;
}

/** Return the index of the item after the unread line; -1 for none. */
function unreadIndex(items: readonly TimelineItem[], { unreadAfter, hasOlder }: View): number {
  if (unreadAfter === undefined) return -1;
  const index = items.findIndex((item) => isUnread(item, unreadAfter));
  const first = items[0]?.seq ?? 0;
  return hasOlder && first > unreadAfter + 1 ? -1 : index;
}

export function rowsOf(items: readonly TimelineItem[], view: View): Row[] {
  const rows: Row[] = [];
  const line = unreadIndex(items, view);
  for (const [index, item] of items.entries()) {
    const before = items[index - 1];
    const day = dayOf(item.createdAt);
    if (before ? dayOf(before.createdAt) !== day : !view.hasOlder) {
      rows.push({ kind: "day", key: `day ${day} ${before?.key ?? ""}`, label: dayLabel(item.createdAt, view.now) });
    }
    if (index === line) {
      const count = items.filter((row) => isUnread(row, view.unreadAfter ?? 0)).length;
      rows.push({ kind: "unread", key: "unread", count });
    }
    if (item.kind === "event") rows.push({ kind: "event", key: item.key, event: item });
    else {
      const isFirst = index === line || !belongTogether(before, item);
      const isLast = index + 1 === line || !belongTogether(item, items[index + 1]);
      rows.push({ kind: "message", key: item.key, message: item, isFirst, isLast });
    }
  }
  return rows;
}

/** Return the time of the row; the unread line has none of its own. */
export function timeOf(row: Row | undefined): string | undefined {
  if (row?.kind === "message") return row.message.createdAt;
  return row?.kind === "event" ? row.event.createdAt : undefined;
}

export function seqOf(row: Row | undefined): number | undefined {
  if (row?.kind === "message") return row.message.seq ?? undefined;
  return row?.kind === "event" ? row.event.seq : undefined;
}
