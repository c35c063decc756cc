import { useChat, useConversations } from "@chatapp/client/react";
import { navigate } from "wouter/use-browser-location";
import { routes } from "../lib/routes";
import { notify } from "../ui/notices";
import { confirmed } from "../ui/questions";

/** Logs out; asks first, because everything of the user is taken from this device. */
export function useSignOut(): () => void {
  const chat = useChat();
  const { data } = useConversations();
  return async () => {
    const unsent = data.some(
      ({ lastMessage }) => lastMessage?.mine && ["sending", "failed"].includes(lastMessage.status),
    );
    const isSure = await confirmed({
      title: "Log out?",
      text: unsent
        ? "Messages that are not sent yet are lost when you log out here."
        : "Your messages are taken from this device. They are there again when you log in.",
      action: "Log out",
      isDangerous: unsent,
    });
    if (!isSure) return;
    try {
      await chat.accounts.logout();
      navigate(routes.home, { replace: true });
    } catch (thrown) {
      notify.failed(thrown);
    }
  };
}
