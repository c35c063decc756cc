/** Keys that work everywhere in the app. */
import type { Chat } from "@chatapp/client";
import { useEffect } from "react";
import { isComposing, isInText } from "../lib/keys";
import { isNarrow } from "../lib/media";
import { go } from "../lib/navigation";
import { type Place, placeOf, routes } from "../lib/routes";
import { createStore } from "../lib/store";

export const SHORTCUTS: readonly (readonly [keys: string, meaning: string])[] = [
  ["Ctrl K", "Search"],
  ["Alt ↑ / Alt ↓", "Previous or next conversation"],
  ["Enter", "Send"],
  ["Shift Enter", "New line"],
  ["↑", "From an empty message: edit your last one, or to the messages"],
  ["↑ ↓ End", "Between messages, to the newest"],
  ["Enter", "On a message: what can be done with it"],
  ["Esc", "Close what is open"],
  ["Ctrl /", "This list"],
];

export const isHelpOpen = createStore(false);
/** Counts the wishes to search; whoever has the field takes the focus. */
export const searchWishes = createStore(0);

/** The id of the conversation to search in alone. */
export const searchedIn = createStore<string | null>(null);

export function focusSearch(): void {
  if (placeOf(window.location.pathname).panel !== "chats" || isNarrow()) go(routes.home);
  searchWishes.set(searchWishes.getSnapshot() + 1);
}

function neighbour(chat: Chat, open: string | undefined, step: 1 | -1): string | undefined {
  const { data } = chat.conversations.getSnapshot();
  const here = data.findIndex((conversation) => conversation.id === open);
  const there = here === -1 ? 0 : here + step;
  return data[there]?.id;
}

/** Return the address that Esc leads to: out of the innermost thing. Menus and dialogs have taken it before. */
function outOf(place: Place, open: string | undefined): string {
  if (place.panel === "settings" && place.section) return routes.settings;
  return place.panel === "chats" && place.conversationId && place.isInfo
    ? routes.conversation(place.conversationId)
    : place.panel !== "chats" && open
      ? routes.conversation(open)
      : routes.home;
}

/** Out of the text, up to the messages: the next Esc closes the conversation. */
function leaveText(): void {
  (document.activeElement as HTMLElement | null)?.blur();
  document.querySelector<HTMLElement>("[data-timeline]")?.focus();
}

export function useShortcuts(chat: Chat, open: string | undefined): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.defaultPrevented || isComposing(event)) return;
      const isCommand = event.ctrlKey || event.metaKey;
      const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
      if (isCommand && event.key.toLowerCase() === "k") focusSearch();
      else if (isCommand && event.key === "/") isHelpOpen.set(true);
      else if (event.altKey && !isCommand && step !== 0 && !isInText(event.target)) {
        const id = neighbour(chat, open, step);
        if (id) go(routes.conversation(id));
      } else if (event.key === "Escape" && isInText(event.target)) leaveText();
      else if (event.key === "Escape" && !document.querySelector("[role=dialog], [role=alertdialog], [role=menu]"))
        go(outOf(placeOf(window.location.pathname), open));
      else return;
      event.preventDefault();
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, [chat, open]);
}
