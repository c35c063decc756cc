/** A message's receipts: to whom it was delivered, who has read it, and when. */

import type { ChatError, Conversation, Message, MessageReceipt } from "@chatapp/client";
import { useChat } from "@chatapp/client/react";
import { useCallback, useEffect, useState } from "react";
import { toChatError } from "../lib/errors";
import { exactTime } from "../lib/time";
import { Avatar } from "../ui/avatar";
import { Dialog } from "../ui/dialog";
import { Failure } from "../ui/hint";
import { Name } from "../ui/name";
import { Skeleton } from "../ui/skeleton";
import css from "./message-info.module.css";
import { Ticks } from "./ticks";

interface MessageInfoProps {
  message: Message;
  conversation: Conversation;
  onClose: () => void;
}

const SECTIONS = [
  { status: "read", title: "Read by" },
  { status: "delivered", title: "Delivered to" },
  { status: "sent", title: "Not delivered yet" },
] as const;

export default function MessageInfo({ message, conversation, onClose }: MessageInfoProps) {
  const messages = useChat().messages(conversation.id);
  const [receipts, setReceipts] = useState<readonly MessageReceipt[]>();
  const [error, setError] = useState<ChatError>();
  const load = useCallback(() => {
    setError(undefined);
    messages.receipts(message.id ?? "").then(setReceipts, (thrown) => setError(toChatError(thrown)));
  }, [messages, message.id]);
  useEffect(load, [load]);
  return (
    <Dialog title="Who has read it" onClose={onClose}>
      <p className={css.text} dir="auto">
        {message.content || "Attachment"}
      </p>
      {error && <Failure title="That can't be told now" error={error} retry={load} />}
      {!receipts && !error && <Skeleton label="Loading" />}
      {receipts &&
        SECTIONS.map(({ status, title }) => (
          <Section key={status} title={title} receipts={receipts.filter((row) => row.status === status)} />
        ))}
    </Dialog>
  );
}

function Section({ title, receipts }: { title: string; receipts: readonly MessageReceipt[] }) {
  if (receipts.length === 0) return null;
  return (
    <section className={css.section} aria-label={title}>
      <h3 className={css.title}>{title}</h3>
      <ul>
        {receipts.map(({ user, status, deliveredAt, readAt }) => {
          const time = readAt ?? deliveredAt;
          return (
            <li key={user.id} className={css.person}>
              <Avatar id={user.id} name={user.name} src={user.avatar} size={36} />
              <span className={css.name}>
                <Name of={user.name} />
              </span>
              {time && <time dateTime={time}>{exactTime(time)}</time>}
              <Ticks status={status} />
            </li>
          );
        })}
      </ul>
    </section>
  );
}
