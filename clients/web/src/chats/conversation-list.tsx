/** Conversations, any number of them: only those in sight are drawn. */
import type { Conversation } from "@chatapp/client";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useEffect, useRef } from "react";
import { useToday } from "../lib/time";
import css from "./conversation-list.module.css";
import { ConversationRow } from "./conversation-row";

const ROW = 72;

interface ConversationListProps {
  conversations: readonly Conversation[];
  open: string | undefined;
}

export function ConversationList({ conversations, open }: ConversationListProps) {
  const scroller = useRef<HTMLElement>(null);
  const today = useToday();
  const virtualizer = useVirtualizer<HTMLElement, HTMLLIElement>({
    count: conversations.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    getItemKey: (index) => conversations[index]?.id ?? index,
    overscan: 8,
  });
  useOpenInSight(conversations, open, (index) => virtualizer.scrollToIndex(index, { align: "auto" }));
  const pressed = (event: KeyboardEvent) => {
    const here = Number((event.target as HTMLElement).closest("li")?.dataset.index);
    const there = nextIndex(event.key, here, conversations.length);
    if (Number.isNaN(here) || there === undefined || event.altKey) return;
    event.preventDefault();
    virtualizer.scrollToIndex(there, { align: "auto" });
    focusRow(scroller.current, there);
  };
  return (
    <nav ref={scroller} className={css.scroller} aria-label="Conversations">
      <ul className={css.rows} style={{ height: virtualizer.getTotalSize() }} onKeyDown={pressed}>
        {virtualizer.getVirtualItems().map(({ index, key, start }) => {
          const conversation = conversations[index];
          if (!conversation) return null;
          return (
            <li
              key={key}
              className={css.row}
              data-index={index}
              style={{ transform: `translateY(${start}px)` }}
              aria-setsize={conversations.length}
              aria-posinset={index + 1}
            >
              <ConversationRow conversation={conversation} isOpen={conversation.id === open} today={today} />
            </li>
          );
        })}
      </ul>
    </nav>
  );
}

/** Keys moved to another conversation: it has to be seen. */
function useOpenInSight(
  conversations: readonly Conversation[],
  open: string | undefined,
  show: (index: number) => void,
): void {
  const shown = useRef<string>(undefined);
  useEffect(() => {
    if (open === shown.current) return;
    shown.current = open;
    const index = conversations.findIndex((conversation) => conversation.id === open);
    if (index !== -1) show(index);
  });
}

function nextIndex(key: string, here: number, count: number): number | undefined {
  if (key === "ArrowDown") return Math.min(here + 1, count - 1);
  if (key === "ArrowUp") return Math.max(here - 1, 0);
  if (key === "Home") return 0;
  return key === "End" ? count - 1 : undefined;
}

function focusRow(scroller: HTMLElement | null, index: number): void {
  const row = () => scroller?.querySelector<HTMLElement>(`li[data-index="${index}"] a`);
  if (row()) row()?.focus({ preventScroll: true });
  else requestAnimationFrame(() => row()?.focus({ preventScroll: true })); // it is drawn with the next frame
}

/** Return the first row of the list below the search field. */
export function firstRow(panel: HTMLElement | null): HTMLElement | null | undefined {
  return panel?.querySelector<HTMLElement>("li a, li button");
}
