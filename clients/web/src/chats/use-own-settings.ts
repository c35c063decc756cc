/** The user's own settings of a conversation, as items of a menu. */
import type { Conversation } from "@chatapp/client";
import { useChat } from "@chatapp/client/react";
import {
  ArchiveBoxArrowDownIcon,
  ArchiveBoxIcon,
  BellIcon,
  BellSlashIcon,
  EnvelopeIcon,
} from "@heroicons/react/24/outline";
import type { MenuItem } from "../ui/menu";
import { notify } from "../ui/notices";
import { PinIcon } from "../ui/pin-icon";

export function useOwnSettings({ id, isMuted, isArchived, pinnedAt, isMarkedUnread }: Conversation): MenuItem[] {
  const { conversations } = useChat();
  const run = (change: Promise<void>, done: string) => {
    change.catch(() => {}); // what is refused is told by the chat
    notify(done);
  };
  return [
    {
      label: isMuted ? "Unmute" : "Mute",
      icon: isMuted ? BellIcon : BellSlashIcon,
      onSelect: () =>
        run(
          conversations.mute(id, isMuted ? null : "forever"),
          isMuted ? "You are notified again." : "You are notified only when somebody mentions you.",
        ),
    },
    {
      label: pinnedAt ? "Unpin chat" : "Pin chat",
      icon: PinIcon,
      onSelect: () =>
        run(
          conversations.pinChat(id, !pinnedAt),
          pinnedAt ? "The chat is not pinned any more." : "The chat is pinned.",
        ),
    },
    {
      label: isArchived ? "Take out of the archive" : "Archive",
      icon: isArchived ? ArchiveBoxArrowDownIcon : ArchiveBoxIcon,
      onSelect: () =>
        run(
          conversations.archive(id, !isArchived),
          isArchived ? "The chat is in your list again." : "The chat is archived until the next message.",
        ),
    },
    {
      label: isMarkedUnread ? "Mark as read" : "Mark as unread",
      icon: EnvelopeIcon,
      onSelect: () =>
        run(
          conversations.markUnread(id, !isMarkedUnread),
          isMarkedUnread ? "The chat is marked as read." : "The chat is marked as unread.",
        ),
    },
  ];
}
