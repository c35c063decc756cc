import { type ReactVirtualizer, useVirtualizer } from "@tanstack/react-virtual";
import { type RefObject, useCallback } from "react";
import type { Row } from "./rows";

export type Rows = ReactVirtualizer<HTMLDivElement, HTMLLIElement>;

/** Farther than this from the end, there is a button to get there. */
export const FAR = 240;
export const MARGIN = 12;
const ROOM_FOR_OLDER = 52;

/** About what a row takes, until it is drawn and measured. */
function estimate(row: Row | undefined): number {
  if (row?.kind !== "message") return 44;
  const { content, attachment } = row.message;
  const lines = Math.min(24, Math.ceil(content.length / 44) + content.split("\n").length - 1);
  return 20 + lines * 21 + (attachment ? 204 : 0) + (row.isLast ? 10 : 2);
}

/** Draws the rows in sight, and keeps them where they are when others come above. */
export function useRows(scroller: RefObject<HTMLDivElement | null>, rows: readonly Row[], hasOlder: boolean): Rows {
  return useVirtualizer<HTMLDivElement, HTMLLIElement>({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: useCallback((index: number) => estimate(rows[index]), [rows]),
    getItemKey: useCallback((index: number) => rows[index]?.key ?? index, [rows]),
    anchorTo: "end",
    overscan: 10,
    paddingStart: hasOlder ? ROOM_FOR_OLDER : MARGIN,
    paddingEnd: MARGIN,
    directDomUpdates: true,
    directDomUpdatesMode: "position",
  });
}
