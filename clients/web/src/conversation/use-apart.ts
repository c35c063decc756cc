import type { Conversation, Timeline } from "@chatapp/client";
import { useCallback, useMemo, useState } from "react";
import { isUnread } from "./rows";

/** Return whether unread messages lie before all that is loaded. Entries of one's own, or of nobody, do not count. */
function isCutOff({ data, hasOlder }: Timeline, { readSeq, unreadCount }: Conversation): boolean {
  const first = data.find((item) => item.seq !== null)?.seq ?? 0;
  return hasOlder && first > readSeq + 1 && unreadCount > data.filter((item) => isUnread(item, readSeq)).length;
}

export interface Apart {
  readonly hasGap: boolean;
  /** From when there is such a gap until somebody has come to where the unread messages begin, also once it is closed. */
  readonly isApart: boolean;
  readonly onThere: () => void;
}

export function useApart(timeline: Timeline, conversation: Conversation): Apart {
  const hasGap = isCutOff(timeline, conversation);
  const [wasApart, setApart] = useState(hasGap);
  if (hasGap && !wasApart) setApart(true);
  if (!hasGap && wasApart && conversation.unreadCount === 0) setApart(false);
  const isApart = hasGap || wasApart;
  const onThere = useCallback(() => setApart(false), []);
  return useMemo(() => ({ hasGap, isApart, onThere }), [hasGap, isApart, onThere]);
}
