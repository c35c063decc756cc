import type { Messages } from "@chatapp/client";
import { type RefObject, useCallback, useEffect } from "react";
import { type Row, seqOf } from "./rows";
import { MARGIN, type Rows } from "./use-rows";
import type { View } from "./use-view";

/** Whether somebody can be looking at this element: it is drawn, the page has the focus, and no dialog lies over it. */
export function isLookedAt(element: HTMLElement | null): boolean {
  return (
    element !== null &&
    document.visibilityState === "visible" &&
    document.hasFocus() &&
    getComputedStyle(element).visibility === "visible" &&
    !document.querySelector("[aria-modal=true]")
  );
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

/** What is in sight while somebody looks is read. `seen` is where that stands. */
export function useReading(
  scroller: RefObject<HTMLDivElement | null>,
  virtualizer: Rows,
  rows: readonly Row[],
  messages: Messages,
  view: View,
  seen: RefObject<number>,
): void {
  const read = useCallback(() => {
    const element = scroller.current;
    if (!element || !view.isSettled() || !isLookedAt(element)) return;
    const seq = newestInSight(element, virtualizer, rows);
    if (seq === undefined || seq <= seen.current) return;
    seen.current = seq;
    messages.markRead(seq);
  }, [scroller, virtualizer, rows, messages, view, seen]);
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
