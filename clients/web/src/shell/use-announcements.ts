/** Tells screen readers, briefly, that other conversations than the open one have something new. */
import type { Chat } from "@chatapp/client";
import { useEffect } from "react";
import { isolated } from "../lib/names";
import { announce } from "../ui/announcer";

export function useAnnouncements(chat: Chat, open: string | undefined): void {
  useEffect(() => {
    const counts = () => new Map(chat.conversations.getSnapshot().data.map((row) => [row.id, row.unreadCount]));
    let before = counts();
    return chat.conversations.subscribe(() => {
      const { data, status } = chat.conversations.getSnapshot();
      const grown = data.filter(({ id, unreadCount }) => id !== open && unreadCount > (before.get(id) ?? 0));
      const isFirst = before.size === 0;
      before = counts();
      if (status !== "ready" || isFirst || grown.length === 0 || document.visibilityState !== "visible") return;
      const [one] = grown;
      announce(
        grown.length === 1 && one
          ? `New message in ${isolated(one.title)}`
          : `New messages in ${grown.length} conversations`,
      );
    });
  }, [chat, open]);
}
