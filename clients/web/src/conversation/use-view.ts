/** The view's place in a conversation: it is led to one, follows new messages, and comes back after a while. */
import type { Messages } from "@chatapp/client";
import { type RefObject, useCallback, useEffect, useLayoutEffect, useMemo, useReducer, useRef } from "react";
import { isLookedAt } from "../lib/attention";
import { type Row, seqOf } from "./rows";
import type { Rows } from "./use-rows";

/** This close to the end counts as being there: the height of the unread line, and a little. */
const END = 60;
/** For so many frames the place has to stay what it is: rows come into sight and are measured. */
const STEADY = 4;
const MOST_FRAMES = 300;

/** A row is named by its key: its index changes when others come before it, and its offset when they are measured. */
type Aim =
  | { readonly to: "end" }
  /** The first message that nobody has seen here; the end, where that is all in sight. */
  | { readonly to: "unread" }
  | { readonly to: "sight" | "middle"; readonly key: string }
  | { readonly to: "top"; readonly key: string; readonly above: number };

interface Loaded {
  readonly rows: readonly Row[];
  /** The unread messages begin above all that is loaded, or did: nobody has come to their beginning yet. */
  readonly isApart: boolean;
  /** There is no connection, or it is only just coming back: what comes was missed meanwhile. */
  readonly stale: boolean;
}

interface Place {
  readonly key: string;
  readonly seq: number;
  /** The pixels of the row above the upper edge. */
  readonly above: number;
}

/** The places of conversations that were left in the middle. */
const places = new WeakMap<Messages, Place>();

/** The entry that was topmost when the conversation was left; undefined when that was at its end. */
export function seqLeftAt(messages: Messages): number | undefined {
  return places.get(messages)?.seq;
}

export function isAtEnd({ scrollHeight, scrollTop, clientHeight }: HTMLElement): boolean {
  return scrollHeight - scrollTop - clientHeight <= END;
}

/** The topmost row in sight that has a place in the log. */
function topmost(element: HTMLElement, rows: readonly Row[]): Place | undefined {
  const edge = element.getBoundingClientRect().top;
  for (const drawn of element.querySelectorAll<HTMLElement>("li[data-index]")) {
    const { top, bottom } = drawn.getBoundingClientRect();
    const row = rows[Number(drawn.dataset.index)];
    const seq = seqOf(row);
    if (row && seq !== undefined && bottom > edge) return { key: row.key, seq, above: edge - top };
  }
  return undefined;
}

/** The first row that was not seen yet, with the unread line if that stands before it; -1 when all was. */
export function firstUnseen(rows: readonly Row[], seen: number): number {
  const index = rows.findIndex((row) => row.kind === "message" && !row.message.mine && (row.message.seq ?? 0) > seen);
  return rows[index - 1]?.kind === "unread" ? index - 1 : index;
}

function indexOf(aim: Aim, { rows, isApart }: Loaded, seen: number): number {
  if (aim.to === "end" || (aim.to === "unread" && isApart)) return -1;
  return aim.to === "unread" ? firstUnseen(rows, seen) : rows.findIndex((row) => row.key === aim.key);
}

function targetOf(aim: Aim, element: HTMLElement, virtualizer: Rows, index: number): number {
  const end = element.scrollHeight - element.clientHeight;
  if (index === -1) return end;
  if (aim.to === "sight" || aim.to === "middle")
    return virtualizer.getOffsetForIndex(index, aim.to === "sight" ? "auto" : "center")?.[0] ?? end;
  virtualizer.getTotalSize(); // measures anew what has changed
  const start = virtualizer.measurementsCache[index]?.start ?? end;
  return Math.max(0, Math.min(end, start + (aim.to === "top" ? aim.above : 0)));
}

export interface View {
  /** Whether the view stands where it was led to: what is drawn on the way there was seen by nobody. */
  readonly isSettled: () => boolean;
  readonly toEnd: () => void;
  readonly intoSight: (key: string) => void;
  /** With what surrounds it. */
  readonly intoMiddle: (key: string) => void;
}

/**
 * Leads the view, from the unread line or, where there is one, the place that was left. `seen` is the newest entry seen.
 * From the end it follows what somebody sees come, however much that is; what nobody sees come is not passed by.
 */
export function useView(
  scroller: RefObject<HTMLDivElement | null>,
  virtualizer: Rows,
  loaded: Loaded,
  messages: Messages,
  seen: RefObject<number>,
  startsAtUnread: boolean,
): View {
  const left = startsAtUnread ? undefined : places.get(messages);
  const aim = useRef<Aim | undefined>(left ? { to: "top", ...left } : { to: "unread" });
  const [, drawAgain] = useReducer((count: number) => count + 1, 0);
  const isFollowing = useRef(true);
  const latest = useRef(loaded);
  latest.current = loaded;

  const settle = useCallback(() => {
    if (!aim.current) return;
    aim.current = undefined;
    drawAgain();
  }, []);

  /** Goes there, and looks with each frame whether it still is there. Gives what ends that. */
  const lead = useCallback(() => {
    let steady = 0;
    let frames = 0;
    let frame = 0;
    const step = () => {
      const element = scroller.current;
      if (!element || !aim.current) return;
      const index = indexOf(aim.current, latest.current, seen.current);
      const target = targetOf(aim.current, element, virtualizer, index);
      steady = Math.abs(element.scrollTop - target) < 2 ? steady + 1 : 0;
      if (steady === 0) virtualizer.scrollToOffset(target);
      isFollowing.current = isAtEnd(element);
      if (steady > STEADY || ++frames > MOST_FRAMES) settle();
      else frame = requestAnimationFrame(step);
    };
    step();
    return () => cancelAnimationFrame(frame);
  }, [scroller, virtualizer, seen, settle]);

  const newest = loaded.rows.at(-1)?.key;
  const known = useRef(newest);
  useLayoutEffect(() => {
    if (newest !== known.current && isFollowing.current && aim.current?.to !== "top") {
      const isLive = !loaded.stale && isLookedAt(scroller.current);
      aim.current = { to: isLive ? "end" : "unread" };
    }
    known.current = newest;
    return aim.current && lead();
  });

  const take = useCallback((next: Aim) => {
    aim.current = next;
    drawAgain();
  }, []);
  useGivenWay(scroller, settle, isFollowing);
  useStayAtEnd(scroller, take);
  useRemembered(scroller, messages, latest);
  return useMemo(
    () => ({
      isSettled: () => aim.current === undefined,
      toEnd: () => take({ to: "end" }),
      intoSight: (key: string) => take({ to: "sight", key }),
      intoMiddle: (key: string) => take({ to: "middle", key }),
    }),
    [take],
  );
}

/** Whoever scrolls decides where the view is. */
function useGivenWay(
  scroller: RefObject<HTMLDivElement | null>,
  settle: () => void,
  isFollowing: RefObject<boolean>,
): void {
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const moved = () => {
      isFollowing.current = isAtEnd(element);
    };
    const gestures = ["wheel", "touchmove", "pointerdown", "keydown"] as const;
    for (const gesture of gestures) element.addEventListener(gesture, settle, { passive: true });
    element.addEventListener("scroll", moved, { passive: true });
    return () => {
      for (const gesture of gestures) element.removeEventListener(gesture, settle);
      element.removeEventListener("scroll", moved);
    };
  }, [scroller, settle, isFollowing]);
}

/** Keep the end in sight when there is less room, because a keyboard opens or the text field grows. */
function useStayAtEnd(scroller: RefObject<HTMLDivElement | null>, take: (aim: Aim) => void): void {
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    let height = element.clientHeight;
    const observer = new ResizeObserver(() => {
      const lost = height - element.clientHeight;
      height = element.clientHeight;
      if (lost !== 0 && element.scrollHeight - element.scrollTop - height <= END + Math.max(0, lost))
        take({ to: "end" });
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [scroller, take]);
}

/** Remembers the place when the conversation is left. */
function useRemembered(
  scroller: RefObject<HTMLDivElement | null>,
  messages: Messages,
  loaded: RefObject<Loaded>,
): void {
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    return () => {
      const place = isAtEnd(element) ? undefined : topmost(element, loaded.current.rows);
      if (place) places.set(messages, place);
      else places.delete(messages);
    };
  }, [scroller, messages, loaded]);
}
