/** The messages of a conversation, or why there are none. */

import type { Conversation } from "@chatapp/client";
import { useChat, useMessages } from "@chatapp/client/react";
import { HandRaisedIcon } from "@heroicons/react/24/outline";
import { useMemo, useState } from "react";
import { isolated } from "../lib/names";
import { useToday } from "../lib/time";
import { Button } from "../ui/button";
import { Failure, Hint } from "../ui/hint";
import { Spinner } from "../ui/spinner";
import { useWithoutDeleted } from "./deletions";
import { rowsOf } from "./rows";
import { Scroller } from "./scroller";
import css from "./timeline.module.css";
import { useReach } from "./use-older";
import { seqLeftAt } from "./use-view";

/** More unread messages than this are loaded up to the first of them only when somebody asks for that. */
const MOST_UNREAD = 1000;

export function Timeline({ conversation }: { conversation: Conversation }) {
  const chat = useChat();
  const timeline = useMessages(conversation.id);
  const today = useToday();
  const [unreadAfter, setUnreadAfter] = useState(() =>
    conversation.unreadCount > 0 ? conversation.readSeq : undefined,
  );
  const [wantsFirst, setWantsFirst] = useState(false);
  const { status, data, error, hasOlder, olderError } = timeline;
  const messages = chat.messages(conversation.id);
  const newest = data.findLast((item) => item.seq !== null)?.seq ?? 0;
  const isNear = wantsFirst || newest - (unreadAfter ?? newest) <= MOST_UNREAD;
  const firstUnread = isNear && unreadAfter !== undefined ? unreadAfter + 1 : undefined;
  const left = wantsFirst ? undefined : seqLeftAt(messages);
  const isReaching = useReach(timeline, messages, left ?? firstUnread);
  const showFirst = () => {
    setUnreadAfter(conversation.readSeq);
    setWantsFirst(true);
    if (olderError) void messages.loadOlder();
  };
  const shown = useWithoutDeleted(data);
  const rows = useMemo(
    () => rowsOf(shown, { hasOlder, unreadAfter, now: today }),
    [shown, hasOlder, unreadAfter, today],
  );
  if (status === "loading" || isReaching) {
    return (
      <div className={css.place} role="status" aria-label="Loading messages">
        <Spinner size={28} />
      </div>
    );
  }
  if (status === "error" && error) {
    const retry = () => void messages.refresh();
    return (
      <div className={css.place}>
        <Failure title="The messages can't be loaded" error={error} retry={retry} />
      </div>
    );
  }
  if (rows.length === 0) return <Empty conversation={conversation} />;
  return (
    <Scroller
      conversation={conversation}
      timeline={timeline}
      rows={rows}
      today={today}
      unreadAfter={unreadAfter}
      onUnreadAfter={setUnreadAfter}
      startsAtUnread={wantsFirst}
      onFirst={showFirst}
    />
  );
}

function Empty({ conversation: { id, title, isMember } }: { conversation: Conversation }) {
  const chat = useChat();
  return (
    <div className={css.place}>
      <Hint
        icon={HandRaisedIcon}
        title="No messages yet"
        text={isMember ? `Say hello to ${isolated(title)}!` : undefined}
      >
        {isMember && (
          <Button variant="soft" onClick={() => chat.messages(id).send("👋")}>
            Wave <span aria-hidden="true">👋</span>
          </Button>
        )}
      </Hint>
    </div>
  );
}
