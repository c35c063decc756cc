/** One conversation: header, messages, what is being written, and its info beside it. */

import { useChat, useConversation, useConversations, useMessages } from "@chatapp/client/react";
import { ChatBubbleLeftEllipsisIcon } from "@heroicons/react/24/outline";
import { lazy, Suspense } from "react";
import { isolated } from "../lib/names";
import { go } from "../lib/navigation";
import { routes } from "../lib/routes";
import { ConnectionBanner } from "../shell/connection-banner";
import { ErrorBoundary } from "../shell/error-boundary";
import { Button } from "../ui/button";
import { Failure, Hint } from "../ui/hint";
import { Skeleton } from "../ui/skeleton";
import { Composer } from "./composer";
import css from "./conversation-pane.module.css";
import { Header } from "./header";
import { PinBanner } from "./pin-banner";
import { Timeline } from "./timeline";

const InfoPanel = lazy(() => import("../group/info-panel"));

export function ConversationPane({ id, isInfo }: { id: string; isInfo: boolean }) {
  const conversation = useConversation(id);
  if (!conversation) return <Unknown id={id} />;
  return (
    <div className={css.pane} data-info={isInfo}>
      <section className={css.conversation} aria-label={`Conversation with ${isolated(conversation.title)}`}>
        <Header conversation={conversation} />
        <div className={css.banner}>
          <ConnectionBanner />
        </div>
        <PinBanner conversation={conversation} />
        <Timeline conversation={conversation} />
        {conversation.isMember ? (
          <Composer conversation={conversation} />
        ) : (
          <p className={css.former}>You are no longer in this group. What you have seen of it stays here.</p>
        )}
      </section>
      {isInfo && (
        <ErrorBoundary>
          <Suspense>
            <InfoPanel conversation={conversation} />
          </Suspense>
        </ErrorBoundary>
      )}
    </div>
  );
}

/** Not loaded yet, not there, or not the user's. */
function Unknown({ id }: { id: string }) {
  const chat = useChat();
  const { status, stale } = useConversations();
  const { error } = useMessages(id);
  if (status === "loading" || (stale && !error)) return <Skeleton label="Loading the conversation" />;
  if (error && error.statusCode !== 404) {
    return (
      <Failure
        title="This conversation can't be loaded"
        error={error}
        retry={() => void chat.conversations.refresh()}
      />
    );
  }
  return (
    <Hint
      icon={ChatBubbleLeftEllipsisIcon}
      title="This conversation is not there"
      text="It was deleted from your list, or its address is wrong."
    >
      <Button variant="soft" onClick={() => go(routes.home)}>
        To your conversations
      </Button>
    </Hint>
  );
}
