/**
 * The rows of a timeline: only those in sight are drawn, and what is in sight stays where it is when others come.
 * At the end it follows new messages; elsewhere it says how many have come.
 */
import type { Conversation, Message, Timeline } from "@chatapp/client";
import { useAccount, useChat } from "@chatapp/client/react";
import { lazy, Suspense, useCallback, useRef, useState } from "react";
import { dayLabel } from "../lib/time";
import { Button } from "../ui/button";
import { Spinner } from "../ui/spinner";
import { Bubble, type MenuAt } from "./bubble";
import { eventText } from "./event-text";
import { JumpButton } from "./jump-button";
import { type Row, timeOf } from "./rows";
import css from "./scroller.module.css";
import { UnreadBar } from "./unread-bar";
import { useApart } from "./use-apart";
import { useJump } from "./use-jump";
import { useNews } from "./use-news";
import { useOlder } from "./use-older";
import { useReading } from "./use-reading";
import { useRowKeys } from "./use-row-keys";
import { FAR, type Rows, useRows } from "./use-rows";
import { useView } from "./use-view";

const MessageMenu = lazy(() => import("./message-menu"));
const ForwardDialog = lazy(() => import("./forward-dialog"));
const MessageInfo = lazy(() => import("./message-info"));

export interface ScrollerProps {
  conversation: Conversation;
  timeline: Timeline;
  rows: readonly Row[];
  today: Date;
  unreadAfter: number | undefined;
  onUnreadAfter: (seq: number | undefined) => void;
  /** Somebody has asked for the first unread message: the view starts there, wherever it stood before. */
  startsAtUnread: boolean;
  onFirst: () => void;
}

export function Scroller(props: ScrollerProps) {
  const { conversation, timeline, rows, today, startsAtUnread } = props;
  const messages = useChat().messages(conversation.id);
  const scroller = useRef<HTMLDivElement>(null);
  const seen = useRef(conversation.readSeq);
  const virtualizer = useRows(scroller, rows, timeline.hasOlder);
  const apart = useApart(timeline, conversation);
  const loaded = { rows, isApart: apart.isApart, stale: timeline.stale };
  const view = useView(scroller, virtualizer, loaded, messages, seen, startsAtUnread);
  const [menu, setMenu] = useState<MenuAt | null>(null);
  const [info, setInfo] = useState<Message | null>(null);
  const [forwarded, setForwarded] = useState<Message | null>(null);
  const first = virtualizer.getVirtualItems()[0]?.index ?? 0;
  useOlder(timeline, messages, view.isSettled() ? first : Number.POSITIVE_INFINITY);
  useReading(scroller, virtualizer, rows, messages, view, seen, apart);
  useNews(scroller, view, seen, props);
  const { pressed, focusRow } = useRowKeys(scroller, view, rows, setMenu);
  const retry = useCallback((message: Message) => messages.retry(message.clientMsgId), [messages]);
  const discard = useCallback((message: Message) => messages.discard(message.clientMsgId), [messages]);
  const readAll = useCallback(() => {
    const newest = timeline.data.findLast((item) => item.seq !== null)?.seq ?? 0;
    seen.current = newest;
    messages.markRead(newest);
    apart.onThere();
  }, [timeline, messages, apart.onThere]);
  const react = useCallback(
    (message: Message, emoji: string, on: boolean) => {
      messages.react(message, emoji, on).catch(() => {}); // what is refused is told by the chat
    },
    [messages],
  );
  const jump = useJump(timeline, messages, rows, focusRow);
  const closeMenu = useCallback(() => {
    setMenu(null);
    focusRow(rows.findIndex((row) => row.kind === "message" && row.message.key === menu?.message.key));
  }, [rows, menu, focusRow]);
  const floating = floatingDay(virtualizer, rows, today);
  const shared = { conversation, onMenu: setMenu, onJump: jump, onReact: react, onRetry: retry, onDiscard: discard };
  return (
    <>
      {apart.isApart && <UnreadBar count={conversation.unreadCount} onFirst={props.onFirst} onAll={readAll} />}
      <div className={css.frame}>
        {/* biome-ignore lint/a11y/noStaticElementInteractions: arrows move between the messages in it */}
        <div
          ref={scroller}
          className={css.scroller}
          data-timeline
          // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys have to reach it
          tabIndex={0}
          onKeyDown={pressed}
        >
          <ol ref={virtualizer.containerRef} className={css.rows} aria-label="Messages" data-count={rows.length}>
            <Older timeline={timeline} onRetry={() => void messages.loadOlder()} />
            {virtualizer.getVirtualItems().map(({ index, key }) => {
              const row = rows[index];
              return (
                row && (
                  <li
                    key={key}
                    ref={virtualizer.measureElement}
                    className={css.row}
                    data-index={index}
                    data-key={row.key}
                    data-kind={row.kind}
                    tabIndex={-1}
                  >
                    <RowContent row={row} {...shared} />
                  </li>
                )
              );
            })}
          </ol>
        </div>
        {floating && (
          <p className={css.floating} data-shown={virtualizer.isScrolling && view.isSettled()} aria-hidden="true">
            <span className={css.pill}>{floating}</span>
          </p>
        )}
        <JumpButton
          isShown={virtualizer.getDistanceFromEnd() > FAR}
          unread={conversation.unreadCount}
          onClick={view.toEnd}
        />
        <Suspense>
          {menu && (
            <MessageMenu
              at={menu}
              conversation={conversation}
              onClose={closeMenu}
              onReact={react}
              onInfo={setInfo}
              onForward={setForwarded}
              onRetry={retry}
              onDiscard={discard}
            />
          )}
          {forwarded && <ForwardDialog message={forwarded} onClose={() => setForwarded(null)} />}
          {info && <MessageInfo message={info} conversation={conversation} onClose={() => setInfo(null)} />}
        </Suspense>
      </div>
    </>
  );
}

/** The day of what is topmost in sight; none where a mark stands there, or where nothing scrolls. */
function floatingDay(virtualizer: Rows, rows: readonly Row[], today: Date): string | undefined {
  const first = virtualizer.range?.startIndex ?? 0;
  const isMarked = rows.slice(first, first + 2).some(({ kind }) => kind === "day" || kind === "unread");
  if (isMarked || !virtualizer.scrollOffset) return undefined;
  const time = timeOf(rows[first]) ?? timeOf(rows[first + 1]);
  return time && dayLabel(time, today);
}

interface RowContentProps {
  row: Row;
  conversation: Conversation;
  onMenu: (at: MenuAt) => void;
  onJump: (seq: number) => void;
  onReact: (message: Message, emoji: string, on: boolean) => void;
  onRetry: (message: Message) => void;
  onDiscard: (message: Message) => void;
}

function RowContent({ row, conversation, ...actions }: RowContentProps) {
  const { user } = useAccount();
  switch (row.kind) {
    case "day":
      return (
        <p className={css.mark}>
          <span className={css.pill}>{row.label}</span>
        </p>
      );
    case "unread":
      return (
        <p className={css.unread}>
          <span>{row.count === 1 ? "1 unread message" : `${row.count} unread messages`}</span>
        </p>
      );
    case "event":
      return (
        <p className={css.mark}>
          <span className={css.pill}>{eventText(row.event, user?.id ?? "")}</span>
        </p>
      );
    case "message":
      return (
        <Bubble
          message={row.message}
          isFirst={row.isFirst}
          isLast={row.isLast}
          isGroup={conversation.type === "group"}
          others={conversation.memberCount - 1}
          me={user?.id ?? ""}
          {...actions}
        />
      );
  }
}

/** Above the first row: that more comes, or why it does not. */
function Older({ timeline, onRetry }: { timeline: Timeline; onRetry: () => void }) {
  const { hasOlder, loadingOlder, olderError } = timeline;
  if (!hasOlder) return null;
  return (
    <li className={css.older}>
      {olderError && !loadingOlder ? (
        <Button variant="soft" onClick={onRetry}>
          Older messages did not load. Try again
        </Button>
      ) : (
        <span role="status" aria-label="Loading older messages">
          <Spinner size={24} />
        </span>
      )}
    </li>
  );
}
