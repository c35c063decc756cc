import type { Messages } from "@chatapp/client";
import { type RefObject, useCallback, useEffect } from "react";
import { isLookedAt } from "../lib/attention";
import { type Row, seqOf } from "./rows";
import { MARGIN, type Rows } from "./use-rows";
import { firstUnseen, type View } from "./use-view";

/** Return whether the messages that were not seen yet begin in sight, or further down. */
function isAtUnseen(virtualizer: Rows, rows: readonly Row[], seen: number): boolean {
  return (virtualizer.range?.startIndex ?? 0) <= firstUnseen(rows, seen);
}

/** The newest entry that is in sight to its end. */
function newestInSight(element: HTMLElement, virtualizer: Rows, rows: readonly Row[]): number | undefined {
  const bottom = element.scrollTop + element.clientHeight;
  for (const { index, end } of virtualizer.getVirtualItems().toReversed()) {
    const seq = seqOf(rows[index]);
    if (seq !== undefined && end - MARGIN <= bottom) return seq;
  }
  return undefined;
}

/**
 * Mark as read what is in sight while somebody looks; `seen` is the mark. One mark says that all before it is read:
 * while the view `isApart` from where the unread messages begin, it stays; whoever comes there is told of by `onThere`.
 */
export function useReading(
  scroller: RefObject<HTMLDivElement | null>,
  virtualizer: Rows,
  rows: readonly Row[],
  messages: Messages,
  view: View,
  seen: RefObject<number>,
  apart: { readonly isApart: boolean; readonly hasGap: boolean; readonly onThere: () => void },
): void {
  const { isApart, hasGap, onThere } = apart;
  const read = useCallback(() => {
    const element = scroller.current;
    if (!element || !view.isSettled() || !isLookedAt(element)) return;
    if (isApart) {
      if (!hasGap && isAtUnseen(virtualizer, rows, seen.current)) onThere();
      return;
    }
    const seq = newestInSight(element, virtualizer, rows);
    if (seq === undefined || seq <= seen.current) return;
    seen.current = seq;
    messages.markRead(seq);
  }, [scroller, virtualizer, rows, messages, view, seen, isApart, hasGap, onThere]);
  useEffect(() => {
    const frame = requestAnimationFrame(read); // once what was drawn is where it belongs
    return () => cancelAnimationFrame(frame);
  });
  useEffect(() => {
    const element = scroller.current;
    const list = element?.firstElementChild;
    const measured = new ResizeObserver(read); // rows that are measured come into sight without being drawn anew
    if (list) measured.observe(list);
    const uncovered = new MutationObserver(read); // dialogs are children of the body
    uncovered.observe(document.body, { childList: true });
    element?.addEventListener("scroll", read, { passive: true });
    window.addEventListener("focus", read);
    document.addEventListener("visibilitychange", read);
    return () => {
      measured.disconnect();
      uncovered.disconnect();
      element?.removeEventListener("scroll", read);
      window.removeEventListener("focus", read);
      document.removeEventListener("visibilitychange", read);
    };
  }, [read, scroller]);
}
