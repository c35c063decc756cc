import { useChat } from "@chatapp/client/react";
import { useState } from "react";
import { go } from "../lib/navigation";
import { routes } from "../lib/routes";
import { notify } from "../ui/notices";

/** Opens the conversation with somebody: the one that is there, else a new one. */
export function useOpenDirect(onOpened?: () => void): { openDirect: (userId: string) => void; opening: string | null } {
  const chat = useChat();
  const [opening, setOpening] = useState<string | null>(null);
  const enter = (id: string) => {
    onOpened?.();
    go(routes.conversation(id));
  };
  const openDirect = (userId: string) => {
    const known = chat.conversations.getSnapshot().data.find((conversation) => conversation.partner?.id === userId);
    if (known) return enter(known.id);
    if (opening !== null) return;
    setOpening(userId);
    chat.conversations
      .openDirect(userId)
      .then(({ id }) => enter(id), notify.failed)
      .finally(() => setOpening(null));
  };
  return { openDirect, opening };
}
