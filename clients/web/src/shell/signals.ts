/** What the app says outside of its own page: title, badge, notifications; and failures that no screen shows. */
import type { Chat, ChatError, Message } from "@chatapp/client";
import { useConversation, useUnread } from "@chatapp/client/react";
import { useEffect } from "react";
import { go } from "../lib/navigation";
import { preferences } from "../lib/preferences";
import { routes } from "../lib/routes";
import { notify } from "../ui/notices";

/** The number of unread messages, in the title and on the app's icon. */
export function useBadge(open: string | undefined): void {
  const unread = useUnread();
  const title = useConversation(open ?? "")?.title;
  useEffect(() => {
    document.title = `${unread > 0 ? `(${unread}) ` : ""}${title ? `${title} · ` : ""}chatapp`;
  }, [unread, title]);
  useEffect(() => {
    navigator.setAppBadge?.(unread).catch(() => {}); // where it is not installed, there is no icon
  }, [unread]);
}

/** Messages that come while nobody looks, for those who have asked for it. */
export function useNotifications(chat: Chat): void {
  useEffect(() => {
    const shown = (event: MessageEvent) => typeof event.data?.show === "string" && go(event.data.show);
    navigator.serviceWorker?.addEventListener("message", shown);
    const ending = chat.on("message", (message) => {
      if (preferences.getSnapshot().notifications && !document.hasFocus()) void showNotification(chat, message);
    });
    return () => {
      navigator.serviceWorker?.removeEventListener("message", shown);
      ending();
    };
  }, [chat]);
}

async function showNotification(chat: Chat, message: Message): Promise<void> {
  if (Notification.permission !== "granted") return;
  const conversation = chat.conversations.get(message.conversationId);
  const isGroup = conversation?.type === "group";
  const path = routes.conversation(message.conversationId);
  const title = isGroup ? `${message.sender.name} in ${conversation.title}` : message.sender.name;
  const options = {
    body: message.content || "Attachment",
    tag: message.conversationId,
    icon: "/assets/icons/icon-192.png",
    data: path,
  };
  const registration = await navigator.serviceWorker?.getRegistration();
  if (registration) return registration.showNotification(title, options);
  const notification = new Notification(title, options);
  notification.onclick = () => {
    window.focus();
    go(path);
  };
}

/** These come again by themselves: the connection banner says so already. */
const SAID_ELSEWHERE = new Set(["NETWORK_ERROR", "TIMEOUT", "ABORTED", "CLOSED", "SIGNED_OUT"]);

/** What failed in the background, or happened on another device, and no screen can tell. */
export function useReports(chat: Chat): void {
  useEffect(
    () => chat.on("emailChanged", ({ email }) => notify(`The e-mail address of your account is ${email} now.`)),
    [chat],
  );
  useEffect(
    () =>
      chat.on("error", (error: ChatError) => {
        if (!SAID_ELSEWHERE.has(error.code)) notify.failed(error);
      }),
    [chat],
  );
}
