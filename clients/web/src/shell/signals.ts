/** The app's signals outside of its page, title and badge, and failures that no screen shows. */
import type { Chat, ChatError } from "@chatapp/client";
import { useConnection, useConversation, useUnread } from "@chatapp/client/react";
import { useEffect } from "react";
import { tidy } from "../lib/names";
import { notify } from "../ui/notices";

/** The number of unread messages, in the title and on the app's icon. */
export function useBadge(open: string | undefined): void {
  const unread = useUnread();
  const title = useConversation(open ?? "")?.title;
  useEffect(() => {
    document.title = `${unread > 0 ? `(${unread}) ` : ""}${title ? `${tidy(title)} · ` : ""}chatapp`;
  }, [unread, title]);
  useEffect(() => {
    navigator.setAppBadge?.(unread).catch(() => {}); // where it is not installed, there is no icon
  }, [unread]);
}

/** The server that is back may have brought a new version of the app. */
export function useVersionCheck(): void {
  const { status } = useConnection();
  useEffect(() => {
    if (status === "live")
      navigator.serviceWorker
        ?.getRegistration()
        .then((found) => found?.update())
        .catch(() => {});
  }, [status]);
}

/** These come again by themselves: the connection banner says so already. */
const SAID_ELSEWHERE = new Set(["NETWORK_ERROR", "TIMEOUT", "ABORTED", "CLOSED", "SIGNED_OUT"]);

/** Report failures in the background, and acts on another device, that no screen can tell. */
export function useReports(chat: Chat): void {
  useEffect(
    () => chat.on("emailChanged", ({ email }) => notify(`The e-mail address of your account is ${email} now.`)),
    [chat],
  );
  useEffect(() => chat.on("refused", ({ error }) => notify.failed(error)), [chat]);
  useEffect(
    () =>
      chat.on("error", (error: ChatError) => {
        if (!SAID_ELSEWHERE.has(error.code)) notify.failed(error);
      }),
    [chat],
  );
}
