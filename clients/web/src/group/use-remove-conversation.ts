import type { Conversation } from "@chatapp/client";
import { useChat } from "@chatapp/client/react";
import { isolated } from "../lib/names";
import { replaceWith } from "../lib/navigation";
import { routes } from "../lib/routes";
import { notify } from "../ui/notices";
import { confirmed } from "../ui/questions";

/** Takes a conversation out of the user's own list, after asking. */
export function useRemoveConversation({ id, title }: Conversation): () => void {
  const chat = useChat();
  return async () => {
    const isSure = await confirmed({
      title: `Delete the chat with ${isolated(title)}?`,
      text: "It disappears from your list on all your devices, with everything in it. The others keep theirs. It comes back with the next message.",
      action: "Delete chat",
      isDangerous: true,
    });
    if (!isSure) return;
    try {
      await chat.conversations.hide(id);
      replaceWith(routes.home);
    } catch (thrown) {
      notify.failed(thrown);
    }
  };
}
