/** Deletions that can be undone: what is deleted is out of sight at once, and deleted some seconds later. */
import type { Message, Messages, TimelineItem } from "@chatapp/client";
import { useObservable } from "@chatapp/client/react";
import { useMemo } from "react";
import { createStore } from "../lib/store";
import { notify } from "../ui/notices";

type Whom = "everyone" | "me";

const UNDO_MILLISECONDS = 5000;
const deletions = createStore<ReadonlyMap<string, Whom>>(new Map());
const waiting = new Map<string, () => void>();

function forget(key: string): void {
  waiting.delete(key);
  const others = new Map(deletions.getSnapshot());
  if (others.delete(key)) deletions.set(others);
}

export function deleteSoon(messages: Messages, message: Message, whom: Whom): void {
  const { key } = message;
  const act = () => {
    clearTimeout(timer);
    const deleted = whom === "everyone" ? messages.remove(message) : messages.hide(message);
    deleted.catch(() => {}); // what was refused is told by the chat
    forget(key);
  };
  const timer = setTimeout(act, UNDO_MILLISECONDS);
  waiting.set(key, act);
  deletions.set(new Map(deletions.getSnapshot()).set(key, whom));
  const undo = () => {
    clearTimeout(timer);
    forget(key);
  };
  notify(whom === "everyone" ? "The message is deleted for everyone." : "The message is deleted for you.", {
    label: "Undo",
    run: undo,
  });
}

/** Nobody can undo any more. */
window.addEventListener("pagehide", () => {
  for (const act of [...waiting.values()]) act();
});

/** The items as they are when what waits is deleted. */
export function useWithoutDeleted(items: readonly TimelineItem[]): readonly TimelineItem[] {
  const now = useObservable(deletions);
  return useMemo(() => {
    if (now.size === 0) return items;
    return items.flatMap((item): TimelineItem[] => {
      const whom = item.kind === "message" ? now.get(item.key) : undefined;
      if (whom === "me") return [];
      return whom ? [{ ...(item as Message), content: "", attachment: null, deleted: true, reactions: [] }] : [item];
    });
  }, [items, now]);
}
