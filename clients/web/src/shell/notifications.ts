/** Notifications of messages that come while nobody looks at the app. */
import type { Chat, Message } from "@chatapp/client";
import { useEffect } from "react";
import { isLookedAtAnywhere } from "../lib/attention";
import { isolated } from "../lib/names";
import { go } from "../lib/navigation";
import { preferences } from "../lib/preferences";
import { routes } from "../lib/routes";

/** Those of pages without a service worker, which nobody else remembers. */
const shown = new Map<string, Notification>();

export function useNotifications(chat: Chat): void {
  useEffect(() => {
    const clicked = (event: MessageEvent) => typeof event.data?.show === "string" && go(event.data.show);
    navigator.serviceWorker?.addEventListener("message", clicked);
    const endings = [
      chat.on("message", (message) => void told(chat, message)),
      chat.conversations.subscribe(() => void takeBackRead(chat)),
    ];
    return () => {
      navigator.serviceWorker?.removeEventListener("message", clicked);
      for (const end of endings) end();
    };
  }, [chat]);
}

async function told(chat: Chat, message: Message): Promise<void> {
  if (!preferences.getSnapshot().notifications || Notification.permission !== "granted") return;
  if (await isLookedAtAnywhere()) return;
  if (isMuted(chat, message)) return;
  await show(chat, message);
}

/** Mentions break through, unless they are muted too. */
function isMuted(chat: Chat, { conversationId, mentions }: Message): boolean {
  const conversation = chat.conversations.get(conversationId);
  const me = chat.accounts.getSnapshot().user?.id;
  const isMentioned = mentions.some(({ userId }) => userId === me || userId === "everyone");
  return conversation?.isMuted === true && (conversation.muteMentions || !isMentioned);
}

async function show(chat: Chat, message: Message): Promise<void> {
  const { conversationId: id, sender } = message;
  const conversation = chat.conversations.get(id);
  const name = isolated(sender.name);
  const title = conversation?.type === "group" ? `${name} in ${isolated(conversation.title)}` : name;
  const options = {
    body: message.content || "Attachment",
    tag: id,
    renotify: true, // the second message of a conversation alerts as the first does
    icon: "/assets/icons/icon-192.png",
    data: routes.conversation(id),
  };
  const registration = await navigator.serviceWorker?.getRegistration();
  if (registration) return registration.showNotification(title, options);
  const notification = new Notification(title, options);
  shown.set(id, notification);
  notification.onclick = () => {
    window.focus();
    go(options.data);
  };
}

/** Take back the notifications of messages that were read, here or on another device. */
async function takeBackRead(chat: Chat): Promise<void> {
  if (!preferences.getSnapshot().notifications) return;
  const isRead = (id: string) => chat.conversations.get(id)?.unreadCount === 0;
  for (const [id, notification] of shown) {
    if (!isRead(id)) continue;
    notification.close();
    shown.delete(id);
  }
  const registration = await navigator.serviceWorker?.getRegistration();
  for (const notification of (await registration?.getNotifications()) ?? []) {
    if (isRead(notification.tag)) notification.close();
  }
}
