/** A message that was found: its conversation, its sender, and the part of its text with the words. */
import type { FoundMessage, Highlight, Message } from "@chatapp/client";
import { useConversation } from "@chatapp/client/react";
import type { ReactNode } from "react";
import { KIND_NAMES } from "../lib/kinds";
import { tidy } from "../lib/names";
import { exactTime, listTime } from "../lib/time";
import { Avatar } from "../ui/avatar";
import KindIcon from "../ui/kind-icon";
import { Name } from "../ui/name";
import css from "./found-row.module.css";

interface FoundRowProps {
  found: FoundMessage;
  today: Date;
  /** All that is found is of one conversation: the sender is named in its place. */
  isInside: boolean;
  isChosen: boolean;
  onClick: () => void;
}

export function FoundRow({ found: { message, highlights }, today, isInside, isChosen, onClick }: FoundRowProps) {
  const { sender, mine, createdAt, content, contentKind } = message;
  const conversation = useConversation(message.conversationId);
  const namesSender = isInside || !conversation;
  const who = namesSender
    ? { id: sender.id, title: sender.name, avatar: sender.avatar }
    : { id: conversation.partner?.id ?? conversation.id, title: conversation.title, avatar: conversation.avatar };
  return (
    <button type="button" className={css.row} aria-current={isChosen ? "true" : undefined} onClick={onClick}>
      <Avatar id={who.id} name={who.title} src={who.avatar} size={48} />
      <span className={css.body}>
        <span className={css.line}>
          <span className={css.title} dir="auto">
            {namesSender && mine ? "You" : <Name of={who.title} />}
          </span>
          <time className={css.time} dateTime={createdAt} title={exactTime(createdAt)}>
            {listTime(createdAt, today)}
          </time>
        </span>
        <span className={css.text}>
          {!namesSender && <Author message={message} isGroup={conversation.type === "group"} />}
          {contentKind !== "text" && (
            <span className={css.kind}>
              <KindIcon kind={contentKind} />
            </span>
          )}
          <bdi>{content ? <Highlighted text={content} highlights={highlights} /> : KIND_NAMES[contentKind]}</bdi>
        </span>
      </span>
    </button>
  );
}

function Author({ message: { mine, sender }, isGroup }: { message: Message; isGroup: boolean }) {
  if (!mine && !isGroup) return null;
  return <span>{mine ? "You" : <Name of={sender.name} />}: </span>;
}

/** A text longer than this before the first word found is cut off. */
const FAR = 40;
const NEAR = 24;
const LENGTH = 240;

/** The beginning of what is shown: at a word, where there is one between. */
function startOf(text: string, first: number): number {
  if (first <= FAR) return 0;
  const from = first - NEAR;
  const space = text.slice(from, first).search(/\s/);
  if (space !== -1) return from + space + 1;
  return /[\uDC00-\uDFFF]/.test(text.charAt(from)) ? from + 1 : from; // never half a pair
}

function Highlighted({ text, highlights }: { text: string; highlights: readonly Highlight[] }) {
  const start = startOf(text, highlights[0]?.offset ?? 0);
  const parts: ReactNode[] = start > 0 ? ["…"] : [];
  let from = start;
  for (const { offset, length } of highlights) {
    if (offset < from || offset + length > text.length || offset > start + LENGTH) continue;
    parts.push(tidy(text.slice(from, offset)));
    parts.push(<mark key={offset}>{tidy(text.slice(offset, offset + length))}</mark>);
    from = offset + length;
  }
  parts.push(tidy(text.slice(from, from + LENGTH)));
  return parts;
}
