import { type KeyboardEvent, type RefObject, useCallback } from "react";
import type { MenuAt } from "./bubble";
import type { Row } from "./rows";
import type { View } from "./use-view";

function rowElement(scroller: HTMLElement | null, index: number): HTMLElement | null {
  return scroller?.querySelector<HTMLElement>(`li[data-index="${index}"]`) ?? null;
}

/** From the text field up to the messages. */
export function focusNewestMessage(): void {
  const drawn = document.querySelectorAll<HTMLElement>("[data-timeline] li[data-kind=message]");
  [...drawn].at(-1)?.focus();
}

export function focusComposer(): void {
  document.querySelector<HTMLElement>("[data-composer]")?.focus();
}

const FLASH = 2000;

/** The message that somebody was led to stands out for a moment. */
function flash(element: HTMLElement | null | undefined): void {
  element?.setAttribute("data-flash", "");
  setTimeout(() => element?.removeAttribute("data-flash"), FLASH);
}

/** Arrows move from message to message, Enter opens what can be done with one, End leads to the newest. */
export function useRowKeys(
  scroller: RefObject<HTMLDivElement | null>,
  view: View,
  rows: readonly Row[],
  onMenu: (at: MenuAt) => void,
) {
  const focusRow = useCallback(
    (index: number, isJump = false) => {
      const key = rows[index]?.key;
      if (key === undefined) return;
      if (isJump) view.intoMiddle(key);
      else view.intoSight(key);
      const element = () => scroller.current?.querySelector<HTMLElement>(`li[data-key="${CSS.escape(key)}"]`);
      const take = () => {
        element()?.focus({ preventScroll: true });
        if (isJump) flash(element());
      };
      if (element()) take();
      else requestAnimationFrame(take); // it is drawn with the next frame
    },
    [scroller, view, rows],
  );

  const openMenu = (index: number): boolean => {
    const row = rows[index];
    const place = rowElement(scroller.current, index)?.querySelector("[class*=bubble]")?.getBoundingClientRect();
    if (row?.kind !== "message" || !place) return false;
    onMenu({ message: row.message, x: place.left, y: place.bottom });
    return true;
  };

  const step = (from: number, by: 1 | -1): boolean => {
    let index = from + by;
    while (rows[index] && rows[index]?.kind !== "message") index += by;
    if (rows[index]) focusRow(index);
    else if (by === 1) focusComposer();
    return true;
  };

  const act = (event: KeyboardEvent<HTMLElement>): boolean => {
    const row = (event.target as HTMLElement).closest<HTMLElement>("li[data-index]");
    if ((event.target as HTMLElement).closest("a, button")) return false;
    if (event.altKey || event.ctrlKey || event.metaKey) return false;
    const here = row ? Number(row.dataset.index) : rows.length;
    if (event.key === "ArrowUp") return step(here, -1);
    if (event.key === "ArrowDown") return step(here, 1);
    if (event.key === "End") return step(rows.length, -1);
    const isMenuKey = event.key === "Enter" || event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey);
    return isMenuKey && openMenu(here);
  };

  const pressed = (event: KeyboardEvent<HTMLElement>) => {
    if (act(event)) event.preventDefault();
  };
  return { pressed, focusRow };
}
