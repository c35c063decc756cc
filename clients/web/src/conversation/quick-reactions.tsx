/** A row of emoji in a message's menu, to react with at once. */
import type { Message } from "@chatapp/client";
import { PlusIcon } from "@heroicons/react/24/outline";
import * as Radix from "@radix-ui/react-dropdown-menu";
import css from "./quick-reactions.module.css";

const QUICK = ["👍", "❤️", "😂", "😮", "😢", "🙏"];

interface QuickReactionsProps {
  message: Message;
  onReact: (emoji: string, on: boolean) => void;
  /** Another emoji is wanted. */
  onMore: () => void;
}

/** Return the emoji as the server compares it: how it is to be drawn makes no difference. */
function plain(emoji: string): string {
  return emoji.replaceAll("\uFE0F", "");
}

export function QuickReactions({ message, onReact, onMore }: QuickReactionsProps) {
  const own = new Set(message.reactions.flatMap(({ emoji, mine }) => (mine ? [plain(emoji)] : [])));
  return (
    <Radix.Group className={css.quick} aria-label="React">
      {QUICK.map((emoji) => {
        const isOwn = own.has(plain(emoji));
        return (
          <Radix.CheckboxItem key={emoji} className={css.emoji} checked={isOwn} onSelect={() => onReact(emoji, !isOwn)}>
            {emoji}
          </Radix.CheckboxItem>
        );
      })}
      <Radix.Item
        className={css.emoji}
        aria-label="Another emoji"
        onSelect={(event) => {
          event.preventDefault();
          onMore();
        }}
      >
        <PlusIcon width={20} aria-hidden="true" />
      </Radix.Item>
    </Radix.Group>
  );
}
