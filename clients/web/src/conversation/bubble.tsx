import type { Message } from "@chatapp/client";
import { ArrowUturnRightIcon, ChevronDownIcon } from "@heroicons/react/24/outline";
import { StarIcon } from "@heroicons/react/24/solid";
import { type CSSProperties, type MouseEvent, memo } from "react";
import { hueOf } from "../lib/colours";
import { isTouch } from "../lib/device";
import { sentence } from "../lib/errors";
import { plural } from "../lib/text";
import { clockTime, exactTime } from "../lib/time";
import { Avatar } from "../ui/avatar";
import { Button } from "../ui/button";
import { Name } from "../ui/name";
import { PinIcon } from "../ui/pin-icon";
import { Attachment } from "./attachment";
import css from "./bubble.module.css";
import { MessageText } from "./message-text";
import { Quote } from "./quote";
import { Reactions } from "./reactions";
import { Ticks } from "./ticks";

/** The place where the menu of a message opens: at the pointer, or below the button. */
export interface MenuAt {
  readonly message: Message;
  readonly x: number;
  readonly y: number;
}

/** Spaces as wide as the picture of a pin or a star. */
const MARK = "\u2003\u2002";

interface BubbleProps {
  message: Message;
  isFirst: boolean;
  isLast: boolean;
  isGroup: boolean;
  /** The number of other members, to say how many of them have read it. */
  others: number;
  me: string;
  onMenu: (at: MenuAt) => void;
  onJump: (seq: number) => void;
  onReact: (message: Message, emoji: string, on: boolean) => void;
  onRetry: (message: Message) => void;
  onDiscard: (message: Message) => void;
}

export const Bubble = memo(function Bubble(props: BubbleProps) {
  const { message, isFirst, isLast, isGroup, others, me, onMenu, onJump, onReact, onRetry, onDiscard } = props;
  const { mine, sender, content, attachment, status, error } = message;
  const showsSender = isGroup && !mine;
  const time = clockTime(message.createdAt);
  const marks = Number(message.pinned) + Number(message.starred);
  const room = MARK.repeat(marks) + (message.editedAt ? `Edited ${time}` : time);
  const openMenu = (event: MouseEvent) => {
    if (window.getSelection()?.toString() || (event.target as HTMLElement).closest("a, button")) return;
    event.preventDefault();
    onMenu({ message, x: event.clientX, y: event.clientY });
  };
  return (
    <div className={css.line} data-mine={mine} data-first={isFirst} data-last={isLast}>
      {showsSender && (
        <span className={css.face}>
          {isLast && <Avatar id={sender.id} name={sender.name} src={sender.avatar} size={30} />}
        </span>
      )}
      <div className={css.column}>
        {/* biome-ignore lint/a11y/noStaticElementInteractions: keys open the same menu from the row around it */}
        {/* biome-ignore lint/a11y/useKeyWithClickEvents: the same */}
        <div className={css.bubble} onContextMenu={openMenu} onClick={isTouch() ? openMenu : undefined}>
          <span
            className={showsSender && isFirst ? css.sender : "hidden"}
            style={{ "--hue": hueOf(sender.id) } as CSSProperties}
          >
            {mine ? "You" : <Name of={sender.name} />}
            <span className="hidden">: </span>
          </span>
          {message.forwarded && (
            <span className={css.forwarded}>
              <ArrowUturnRightIcon width={14} aria-hidden="true" />
              Forwarded
            </span>
          )}
          {message.replyTo && <Quote quote={message.replyTo} me={me} onJump={onJump} />}
          {attachment && <Attachment address={attachment} />}
          {message.deleted ? (
            <p className={css.deleted}>
              This message was deleted
              <Spacer time={room} mine={mine} />
            </p>
          ) : content ? (
            <MessageText
              content={content}
              mentions={message.mentions}
              me={me}
              spacer={<Spacer time={room} mine={mine} />}
            />
          ) : (
            <p className={css.room} />
          )}
          <span className={css.meta}>
            {message.pinned && <PinIcon width={13} role="img" aria-label="Pinned" aria-hidden={undefined} />}
            {message.starred && <StarIcon width={12} role="img" aria-label="Starred" aria-hidden={undefined} />}
            {message.editedAt && <span title={exactTime(message.editedAt)}>Edited </span>}
            <time dateTime={message.createdAt} title={exactTime(message.createdAt)}>
              {time}
            </time>
            {mine && <Ticks status={status} label={reach(message, isGroup, others)} />}
          </span>
          <button
            type="button"
            className={css.menu}
            aria-label="What can be done with this message"
            tabIndex={-1}
            onClick={(event) => {
              event.stopPropagation();
              const { left, bottom } = event.currentTarget.getBoundingClientRect();
              onMenu({ message, x: left, y: bottom });
            }}
          >
            <ChevronDownIcon width={16} aria-hidden="true" />
          </button>
        </div>
        {message.reactions.length > 0 && (
          <Reactions message={message} onReact={(emoji, on) => onReact(message, emoji, on)} />
        )}
        {status === "failed" && (
          <div className={css.failed} role="alert">
            <span>Not sent. {error && sentence(error)}</span>
            <Button onClick={() => onRetry(message)}>Try again</Button>
            <Button variant="danger" onClick={() => onDiscard(message)}>
              Discard
            </Button>
          </div>
        )}
      </div>
    </div>
  );
});

/** As wide as the time and the ticks. */
function Spacer({ time, mine }: { time: string; mine: boolean }) {
  return (
    <span className={css.spacer} data-mine={mine} aria-hidden="true">
      {time}
    </span>
  );
}

/** "Read by 2 of 3": in groups the ticks alone do not say it. */
function reach({ status, readBy, deliveredTo }: Message, isGroup: boolean, others: number): string | undefined {
  if (!isGroup || status === "sending" || status === "failed") return undefined;
  if (readBy > 0) return `Read by ${readBy} of ${plural(others, "other")}`;
  return deliveredTo > 0 ? `Delivered to ${deliveredTo} of ${plural(others, "other")}` : "Sent";
}
