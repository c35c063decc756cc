import type { Conversation, MessagePreview } from "@chatapp/client";
import { useDraft, useTyping } from "@chatapp/client/react";
import { BellSlashIcon } from "@heroicons/react/24/outline";
import { lazy, memo, Suspense } from "react";
import { Link } from "wouter";
import { Ticks } from "../conversation/ticks";
import { KIND_NAMES } from "../lib/kinds";
import { isolated, tidy } from "../lib/names";
import { useKnownPresence } from "../lib/presence";
import { routes } from "../lib/routes";
import { plural } from "../lib/text";
import { exactTime, listTime } from "../lib/time";
import { Avatar } from "../ui/avatar";
import { Name } from "../ui/name";
import { PinIcon } from "../ui/pin-icon";
import css from "./conversation-row.module.css";

const KindIcon = lazy(() => import("../ui/kind-icon"));

interface ConversationRowProps {
  conversation: Conversation;
  isOpen: boolean;
  today: Date;
}

export const ConversationRow = memo(function ConversationRow({ conversation, isOpen, today }: ConversationRowProps) {
  const { id, title, avatar, partner, lastMessage, unreadCount, mentionCount } = conversation;
  const { isMuted, pinnedAt, isMarkedUnread } = conversation;
  const { online } = useKnownPresence(partner?.id ?? "");
  const time = lastMessage?.createdAt ?? conversation.updatedAt;
  return (
    <Link
      href={routes.conversation(id)}
      state={{ isOurs: true }}
      className={css.row}
      aria-current={isOpen ? "page" : undefined}
      data-unread={unreadCount > 0 || isMarkedUnread}
    >
      <Avatar id={partner?.id ?? id} name={title} src={avatar} online={online} />
      <span className={css.body}>
        <span className={css.line}>
          <span className={css.title} dir="auto">
            <Name of={title} />
          </span>
          {online && <span className="hidden">, online</span>}
          <time className={css.time} dateTime={time} title={exactTime(time)}>
            {listTime(time, today)}
          </time>
        </span>
        <span className={css.line}>
          <Preview conversation={conversation} isOpen={isOpen} />
          {isMuted && <BellSlashIcon width={16} role="img" aria-label="Muted" aria-hidden={undefined} />}
          {pinnedAt && <PinIcon width={16} role="img" aria-label="Pinned" aria-hidden={undefined} />}
          {mentionCount > 0 && (
            <span className={css.badge}>
              <span aria-hidden="true">@</span>
              <span className="hidden">You are mentioned</span>
            </span>
          )}
          {isMarkedUnread && unreadCount === 0 && (
            <span className={css.badge}>
              <span className="hidden">Marked as unread</span>
            </span>
          )}
          {unreadCount > 0 && (
            <span className={css.badge}>
              <span aria-hidden="true">{unreadCount > 999 ? "999+" : unreadCount}</span>
              <span className="hidden">{plural(unreadCount, "unread message")}</span>
            </span>
          )}
        </span>
      </span>
    </Link>
  );
});

/** The row's second line: who types, else the user's draft, else the last message. */
function Preview({ conversation, isOpen }: { conversation: Conversation; isOpen: boolean }) {
  const { id, type, lastMessage, isMember } = conversation;
  const [typing] = useTyping(id);
  const [draft] = useDraft(id);
  const [first] = typing;
  if (first) {
    return (
      <span className={`${css.preview} ${css.typing}`}>
        {type === "group" ? `${isolated(first.name)} is typing…` : "typing…"}
      </span>
    );
  }
  if (draft.trim() && !isOpen) {
    return (
      <span className={css.preview}>
        <span className={css.draft}>Draft: </span>
        <bdi>{previewOf(draft)}</bdi>
      </span>
    );
  }
  if (!lastMessage)
    return <span className={css.preview}>{isMember ? "No messages yet" : "You are no longer in this group"}</span>;
  return <LastMessage message={lastMessage} isGroup={type === "group"} />;
}

/** As much as a row can have room for. */
function previewOf(text: string): string {
  return tidy(text.slice(0, 200).replace(/\s+/g, " "));
}

function LastMessage({ message, isGroup }: { message: MessagePreview; isGroup: boolean }) {
  const { content, attachment, contentKind, mine, senderName, status } = message;
  const isKind = !content && attachment !== null;
  const text = message.deleted ? "This message was deleted" : isKind ? KIND_NAMES[contentKind] : content;
  return (
    <>
      {mine && <Ticks status={status} />}
      <span className={css.preview}>
        {isGroup && !mine && senderName && (
          <span>
            <Name of={senderName} />:{" "}
          </span>
        )}
        {isKind && (
          <span className={css.kind}>
            <Suspense>
              <KindIcon kind={contentKind} />
            </Suspense>
          </span>
        )}
        <bdi>{previewOf(text)}</bdi>
      </span>
    </>
  );
}
