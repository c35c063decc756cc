import { type RefObject, useEffect, useRef } from "react";
import { isLookedAt } from "../lib/attention";
import { isolated } from "../lib/names";
import { announce } from "../ui/announcer";
import type { ScrollerProps } from "./scroller";
import { isAtEnd, type View } from "./use-view";

/** Announce a new message at the end, and let it move the unread line and the view. */
export function useNews(
  scroller: RefObject<HTMLDivElement | null>,
  view: View,
  seen: RefObject<number>,
  { timeline, unreadAfter, onUnreadAfter }: ScrollerProps,
): void {
  const newest = timeline.data.at(-1);
  const known = useRef(newest);
  useEffect(() => {
    const before = known.current;
    if (!newest || newest.key === before?.key) return;
    known.current = newest;
    if (newest.kind !== "message") return;
    if (newest.mine) {
      onUnreadAfter(undefined);
      if (newest.status === "sending") view.toEnd();
      return;
    }
    announce(`${isolated(newest.sender.name)}: ${newest.content || "Attachment"}`);
    const element = scroller.current;
    const isSeen = isLookedAt(element) && element !== null && isAtEnd(element);
    const isFirst = unreadAfter === undefined || (before?.seq ?? 0) <= seen.current;
    if (!isSeen && isFirst) onUnreadAfter(seen.current);
  }, [newest, scroller, view, seen, unreadAfter, onUnreadAfter]);
}
