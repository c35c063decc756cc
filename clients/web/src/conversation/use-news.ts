import { useEffect, useRef } from "react";
import { announce } from "../ui/announcer";
import type { ScrollerProps } from "./scroller";
import { isLookedAt } from "./use-reading";
import { END, type Rows } from "./use-rows";

/** What a new message at the end does beside being there: it is announced, and moves the unread line and the view. */
export function useNews(virtualizer: Rows, props: ScrollerProps): void {
  const { conversation, timeline, unreadAfter, onUnreadAfter } = props;
  const newest = timeline.data.at(-1);
  const known = useRef(newest?.key);
  useEffect(() => {
    if (!newest || newest.key === known.current) return;
    known.current = newest.key;
    if (newest.kind !== "message") return;
    if (newest.mine) {
      onUnreadAfter(undefined);
      if (newest.status === "sending") virtualizer.scrollToEnd();
      return;
    }
    announce(`${newest.sender.name}: ${newest.content || "Attachment"}`);
    const isSeen = isLookedAt() && virtualizer.isAtEnd(END);
    if (!isSeen && unreadAfter === undefined) onUnreadAfter(conversation.readSeq);
  }, [newest, virtualizer, conversation.readSeq, unreadAfter, onUnreadAfter]);
}
