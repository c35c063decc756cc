/** Below the header: the message that was pinned last; it leads there. */
import type { Conversation, Message } from "@chatapp/client";
import { useChat, useMessages } from "@chatapp/client/react";
import { useEffect, useState } from "react";
import { plural } from "../lib/text";
import { PinIcon } from "../ui/pin-icon";
import css from "./pin-banner.module.css";
import { previewOf } from "./quote";
import { jumpTo } from "./use-jump";

export function PinBanner({ conversation: { id } }: { conversation: Conversation }) {
  const messages = useChat().messages(id);
  const { data } = useMessages(id);
  const [pins, setPins] = useState<readonly Message[]>([]);
  const here = data.flatMap((item) => (item.kind === "message" && item.pinned ? [item.key] : [])).join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is pinned among the messages here has changed
  useEffect(() => {
    let isOver = false;
    messages.pins().then(
      (found) => isOver || setPins(found),
      () => {}, // there is no banner while the server can't be asked
    );
    return () => {
      isOver = true;
    };
  }, [messages, here]);
  const [newest] = pins;
  if (!newest || newest.seq === null) return null;
  const { seq } = newest;
  return (
    <button type="button" className={css.banner} onClick={() => jumpTo(id, seq)}>
      <PinIcon width={18} className={css.icon} />
      <span className={css.text}>
        <span className={css.title}>{pins.length > 1 ? plural(pins.length, "pinned message") : "Pinned message"}</span>
        <span className={css.preview} dir="auto">
          {previewOf(newest.contentKind, newest.content)}
        </span>
      </span>
    </button>
  );
}
