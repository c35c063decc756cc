import type { Messages, Timeline } from "@chatapp/client";
import { type ReactVirtualizer, useVirtualizer } from "@tanstack/react-virtual";
import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef } from "react";
import type { Row } from "./rows";

export type Rows = ReactVirtualizer<HTMLDivElement, HTMLLIElement>;

/** This close to the end counts as being there: the height of the unread line, and a little. */
export const END = 60;
/** Farther than this from the end, there is a button to get there. */
export const FAR = 240;
/** Older messages are asked for when there are fewer rows than this above those in sight. */
const AHEAD = 24;
const MARGIN = 12;
const ROOM_FOR_OLDER = 52;

/** About what a row takes, until it is drawn and measured. */
function estimate(row: Row | undefined): number {
  if (row?.kind !== "message") return 44;
  const { content, attachment } = row.message;
  const lines = Math.min(24, Math.ceil(content.length / 44) + content.split("\n").length - 1);
  return 20 + lines * 21 + (attachment ? 204 : 0) + (row.isLast ? 10 : 2);
}

/** Draws the rows in sight, opens at the unread line or the end, and asks for older messages ahead of time. */
export function useRows(
  scroller: RefObject<HTMLDivElement | null>,
  rows: readonly Row[],
  timeline: Timeline,
  messages: Messages,
): Rows {
  const { hasOlder, loadingOlder, olderError } = timeline;
  const virtualizer = useVirtualizer<HTMLDivElement, HTMLLIElement>({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: useCallback((index: number) => estimate(rows[index]), [rows]),
    getItemKey: useCallback((index: number) => rows[index]?.key ?? index, [rows]),
    anchorTo: "end",
    followOnAppend: true,
    scrollEndThreshold: END,
    overscan: 10,
    paddingStart: hasOlder ? ROOM_FOR_OLDER : MARGIN,
    paddingEnd: MARGIN,
    directDomUpdates: true,
    directDomUpdatesMode: "position",
  });

  const isPlaced = useRef(false);
  useLayoutEffect(() => {
    if (isPlaced.current) return;
    isPlaced.current = true;
    const line = rows.findIndex((row) => row.kind === "unread");
    if (line > 0) virtualizer.scrollToIndex(line, { align: "start" });
    else virtualizer.scrollToEnd();
  }, [rows, virtualizer]);

  const first = virtualizer.getVirtualItems()[0]?.index ?? 0;
  useEffect(() => {
    if (hasOlder && !loadingOlder && !olderError && first < AHEAD) void messages.loadOlder();
  }, [hasOlder, loadingOlder, olderError, first, messages]);

  useStayAtEnd(scroller, virtualizer);
  return virtualizer;
}

/** When there is less room, because a keyboard opens or the text field grows, the end stays in sight. */
function useStayAtEnd(scroller: RefObject<HTMLDivElement | null>, virtualizer: Rows): void {
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    let height = element.clientHeight;
    const observer = new ResizeObserver(() => {
      const lost = height - element.clientHeight;
      height = element.clientHeight;
      if (lost !== 0 && element.scrollHeight - element.scrollTop - height <= END + Math.max(0, lost))
        virtualizer.scrollToEnd();
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [scroller, virtualizer]);
}
