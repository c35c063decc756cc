/** Leads to a message of the conversation, which is loaded first where it has to be. */
import type { Messages, Timeline } from "@chatapp/client";
import { useObservable } from "@chatapp/client/react";
import { useCallback, useEffect } from "react";
import { createStore } from "../lib/store";
import { type Row, seqOf } from "./rows";
import { useReach } from "./use-older";

/** Return the index of the message, or of the one that follows where it stood. */
function indexOf(rows: readonly Row[], seq: number): number {
  return rows.findIndex((row) => row.kind === "message" && (seqOf(row) ?? 0) >= seq);
}

/** The place that somebody wants to see; its conversation takes it up. */
const wish = createStore<{ readonly conversationId: string; readonly seq: number } | null>(null);

export function jumpTo(conversationId: string, seq: number): void {
  wish.set({ conversationId, seq });
}

export function useJump(
  timeline: Timeline,
  messages: Messages,
  rows: readonly Row[],
  focusRow: (index: number, isJump: boolean) => void,
): (seq: number) => void {
  const { conversationId } = messages;
  const wanted = useObservable(wish);
  const seq = wanted?.conversationId === conversationId ? wanted.seq : undefined;
  const isReaching = useReach(timeline, messages, seq);
  useEffect(() => {
    if (seq === undefined || isReaching) return;
    wish.set(null);
    focusRow(indexOf(rows, seq), true);
  }, [seq, isReaching, rows, focusRow]);
  return useCallback((there: number) => jumpTo(conversationId, there), [conversationId]);
}
