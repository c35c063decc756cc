import type { Conversation, Message } from "@chatapp/client";
import { useChat } from "@chatapp/client/react";
import {
  ArrowPathIcon,
  ArrowUturnLeftIcon,
  ArrowUturnRightIcon,
  ChatBubbleLeftIcon,
  ClipboardDocumentIcon,
  CursorArrowRaysIcon,
  InformationCircleIcon,
  LinkIcon,
  PencilIcon,
  StarIcon,
  TrashIcon,
} from "@heroicons/react/24/outline";
import * as Radix from "@radix-ui/react-dropdown-menu";
import { lazy, Suspense, useState } from "react";
import { copyText } from "../lib/device";
import { isolated } from "../lib/names";
import { useOverlay } from "../lib/overlays";
import { useOpenDirect } from "../people/use-open-direct";
import type { MenuItem } from "../ui/menu";
import { notify } from "../ui/notices";
import { PinIcon } from "../ui/pin-icon";
import { MenuContent } from "../ui/radix-menu";
import type { MenuAt } from "./bubble";
import { deleteSoon } from "./deletions";
import { begin, isEditable } from "./intents";
import css from "./message-menu.module.css";
import { QuickReactions } from "./quick-reactions";

const ReactionPicker = lazy(() => import("./reaction-picker"));

interface MessageMenuProps {
  at: MenuAt;
  conversation: Conversation;
  onClose: () => void;
  onInfo: (message: Message) => void;
  onForward: (message: Message) => void;
  onReact: (message: Message, emoji: string, on: boolean) => void;
  onRetry: (message: Message) => void;
  onDiscard: (message: Message) => void;
}

/** The menu of a message's actions, at the place where it was asked for. */
export default function MessageMenu(props: MessageMenuProps) {
  const { message, x, y } = props.at;
  const { conversation, onClose, onReact } = props;
  const [isPicking, setPicking] = useState(false);
  useOverlay(onClose);
  const items = useItems(props);
  const canReact = conversation.isMember && message.id !== null && !message.deleted;
  if (items.length === 0) return null;
  if (isPicking)
    return (
      <Suspense>
        <ReactionPicker x={x} y={y} onChosen={(emoji) => onReact(message, emoji, true)} onClosed={onClose} />
      </Suspense>
    );
  return (
    <Radix.Root open modal={false} onOpenChange={(isOpen) => isOpen || onClose()}>
      <Radix.Trigger asChild>
        <button type="button" className={css.anchor} style={{ left: x, top: y }} tabIndex={-1} aria-label="Message" />
      </Radix.Trigger>
      <MenuContent items={items} align="start">
        {canReact && (
          <QuickReactions
            message={message}
            onReact={(emoji, on) => onReact(message, emoji, on)}
            onMore={() => setPicking(true)}
          />
        )}
      </MenuContent>
    </Radix.Root>
  );
}

function useItems({
  at: { message },
  conversation,
  onInfo,
  onForward,
  onRetry,
  onDiscard,
}: MessageMenuProps): MenuItem[] {
  const messages = useChat().messages(conversation.id);
  const { openDirect } = useOpenDirect();
  const isGroup = conversation.type === "group";
  const isThere = message.id !== null && !message.deleted;
  const items: MenuItem[] = [];
  if (isThere && conversation.isMember)
    items.push({ label: "Reply", icon: ArrowUturnLeftIcon, onSelect: () => begin("reply", message) });
  if (isEditable(message) && conversation.isMember)
    items.push({ label: "Edit", icon: PencilIcon, onSelect: () => begin("edit", message) });
  if (isThere) items.push({ label: "Forward", icon: ArrowUturnRightIcon, onSelect: () => onForward(message) });
  if (isThere && conversation.isMember) {
    const { starred, pinned } = message;
    items.push({
      label: starred ? "Take the star back" : "Star",
      icon: StarIcon,
      onSelect: () => void messages.star(message, !starred).catch(() => {}), // what is refused is told by the chat
    });
    if (mayPin(conversation))
      items.push({
        label: pinned ? "Unpin" : "Pin",
        icon: PinIcon,
        onSelect: () => void (pinned ? messages.unpin(message) : messages.pin(message)).catch(() => {}),
      });
  }
  if (message.content) {
    items.push({ label: "Copy text", icon: ClipboardDocumentIcon, onSelect: () => copy(message.content) });
    items.push({ label: "Select text", icon: CursorArrowRaysIcon, onSelect: () => select(message.key) });
  }
  const address = /https?:\/\/[^\s”"<>]+/.exec(message.content)?.[0] ?? message.attachment;
  if (address)
    items.push({ label: "Copy address", icon: LinkIcon, onSelect: () => copy(address, "The address is copied.") });
  if (isGroup && !message.mine) {
    const label = `Message ${isolated(message.sender.name)}`;
    items.push({ label, icon: ChatBubbleLeftIcon, onSelect: () => openDirect(message.sender.id) });
  }
  if (message.mine && isThere)
    items.push({ label: "Who has read it", icon: InformationCircleIcon, onSelect: () => onInfo(message) });
  if (message.status === "failed") {
    items.push({ label: "Try again", icon: ArrowPathIcon, onSelect: () => onRetry(message) });
    items.push({ label: "Discard", icon: TrashIcon, isDangerous: true, onSelect: () => onDiscard(message) });
  } else if (message.id !== null && conversation.isMember) {
    const onSelect = (whom: "me" | "everyone") => () => deleteSoon(messages, message, whom);
    items.push({ label: "Delete for me", icon: TrashIcon, isDangerous: true, onSelect: onSelect("me") });
    if (isThere && mayDelete(message, conversation))
      items.push({ label: "Delete for everyone", icon: TrashIcon, isDangerous: true, onSelect: onSelect("everyone") });
  }
  return items;
}

function mayPin({ isMember, type, whoMayPin, role }: Conversation): boolean {
  return isMember && (type === "direct" || whoMayPin === "everyone" || role === "owner" || role === "admin");
}

function mayDelete(message: Message, { type, isMember, role }: Conversation): boolean {
  return isMember && (message.mine || (type === "group" && (role === "owner" || role === "admin")));
}

function copy(text: string, done = "The text is copied."): void {
  copyText(text).then(() => notify(done), notify.failed);
}

/** Selects all of its text, to take a part of it from there. */
function select(key: string): void {
  const text = document.querySelector(`li[data-key="${CSS.escape(key)}"] p`);
  if (text) setTimeout(() => window.getSelection()?.selectAllChildren(text)); // once the menu has given the focus back
}
