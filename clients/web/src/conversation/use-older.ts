/** Older messages, asked for before they are needed. */
import type { Messages, Timeline } from "@chatapp/client";
import { useEffect } from "react";

/** They are asked for when there are fewer rows than this above those in sight. */
const AHEAD = 24;
const LARGEST = 200;

/** Asks for older messages when the first of those that are drawn comes near. */
export function useOlder({ hasOlder, loadingOlder, olderError }: Timeline, messages: Messages, first: number): void {
  useEffect(() => {
    if (hasOlder && !loadingOlder && !olderError && first < AHEAD) void messages.loadOlder();
  }, [hasOlder, loadingOlder, olderError, first, messages]);
}

/** Loads back to an entry, and some before it. Gives whether that is still under way. */
export function useReach(timeline: Timeline, messages: Messages, seq: number | undefined): boolean {
  const { data, hasOlder, loadingOlder, olderError } = timeline;
  const first = data[0]?.seq ?? 0;
  const missing = seq !== undefined && hasOlder && !olderError ? Math.max(0, first - seq) : 0;
  useEffect(() => {
    if (missing > 0 && !loadingOlder) void messages.loadOlder(Math.min(LARGEST, missing + AHEAD));
  }, [missing, loadingOlder, messages]);
  return missing > 0;
}
