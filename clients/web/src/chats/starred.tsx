/** The starred messages of all conversations, in a dialog; each leads to its place. */
import { useChat, useObservable } from "@chatapp/client/react";
import { StarIcon } from "@heroicons/react/24/outline";
import { previewOf } from "../conversation/quote";
import { jumpTo } from "../conversation/use-jump";
import { go } from "../lib/navigation";
import { routes } from "../lib/routes";
import { exactTime } from "../lib/time";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Failure, Hint } from "../ui/hint";
import { Name } from "../ui/name";
import { Skeleton } from "../ui/skeleton";
import css from "./starred.module.css";

export default function Starred({ onClose }: { onClose: () => void }) {
  const chat = useChat();
  const { status, data, error, hasMore, loadingMore } = useObservable(chat.stars);
  return (
    <Dialog title="Starred messages" onClose={onClose}>
      {status === "loading" && <Skeleton label="Loading" />}
      {status === "error" && error && (
        <Failure title="They can't be loaded now" error={error} retry={() => void chat.stars.refresh()} />
      )}
      {status === "empty" && (
        <Hint icon={StarIcon} title="No starred messages" text="Star a message to find it here again." />
      )}
      <ul className={css.stars}>
        {data.map((message) => (
          <li key={message.key}>
            <button
              type="button"
              className={css.star}
              onClick={() => {
                onClose();
                go(routes.conversation(message.conversationId));
                if (message.seq !== null) jumpTo(message.conversationId, message.seq);
              }}
            >
              <span className={css.who}>
                {message.mine ? "You" : <Name of={message.sender.name} />}
                <time dateTime={message.createdAt}>{exactTime(message.createdAt)}</time>
              </span>
              <span className={css.text} dir="auto">
                {previewOf(message.contentKind, message.content)}
              </span>
            </button>
          </li>
        ))}
      </ul>
      {hasMore && (
        <Button busy={loadingMore} onClick={() => void chat.stars.loadMore()}>
          More
        </Button>
      )}
    </Dialog>
  );
}
