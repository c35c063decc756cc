import type { Messages } from "@chatapp/client";
import { useCallback, useEffect } from "react";
import { type Row, seqOf } from "./rows";
import { END, type Rows } from "./use-rows";

/** Whether somebody can be looking at this page. */
export function isLookedAt(): boolean {
  return document.visibilityState === "visible" && document.hasFocus();
}

/** The newest entry in sight. */
function newestInSight(virtualizer: Rows, rows: readonly Row[]): number | undefined {
  const bottom = (virtualizer.scrollOffset ?? 0) + (virtualizer.scrollElement?.clientHeight ?? 0);
  const last = virtualizer.getVirtualItemForOffset(bottom)?.index ?? -1;
  for (let index = last; index >= 0; index--) {
    const seq = seqOf(rows[index]);
    if (seq !== undefined) return seq;
  }
  return undefined;
}

/** What was in sight while somebody looked is read. */
export function useReading(virtualizer: Rows, rows: readonly Row[], messages: Messages): void {
  const read = useCallback(() => {
    if (!isLookedAt()) return;
    if (virtualizer.isAtEnd(END)) return messages.markRead();
    const seq = newestInSight(virtualizer, rows);
    if (seq !== undefined) messages.markRead(seq);
  }, [virtualizer, rows, messages]);
  useEffect(() => {
    const frame = requestAnimationFrame(read); // once what was drawn is where it belongs
    return () => cancelAnimationFrame(frame);
  });
  useEffect(() => {
    const list = virtualizer.scrollElement?.firstElementChild;
    const observer = new ResizeObserver(read); // rows that are measured come into sight without being drawn anew
    if (list) observer.observe(list);
    window.addEventListener("focus", read);
    document.addEventListener("visibilitychange", read);
    return () => {
      observer.disconnect();
      window.removeEventListener("focus", read);
      document.removeEventListener("visibilitychange", read);
    };
  }, [read, virtualizer]);
}
