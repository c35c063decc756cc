import type { Message } from "@chatapp/client";
import {
  ArrowPathIcon,
  ChatBubbleLeftIcon,
  ClipboardDocumentIcon,
  CursorArrowRaysIcon,
  InformationCircleIcon,
  LinkIcon,
  TrashIcon,
} from "@heroicons/react/24/outline";
import * as Radix from "@radix-ui/react-dropdown-menu";
import { copyText } from "../lib/device";
import { isolated } from "../lib/names";
import { useOverlay } from "../lib/overlays";
import { useOpenDirect } from "../people/use-open-direct";
import type { MenuItem } from "../ui/menu";
import { notify } from "../ui/notices";
import { MenuContent } from "../ui/radix-menu";
import type { MenuAt } from "./bubble";
import css from "./message-menu.module.css";

interface MessageMenuProps {
  at: MenuAt;
  isGroup: boolean;
  onClose: () => void;
  onInfo: (message: Message) => void;
  onRetry: (message: Message) => void;
  onDiscard: (message: Message) => void;
}

/** What can be done with a message, where it was asked for. */
export default function MessageMenu({
  at: { message, x, y },
  isGroup,
  onClose,
  onInfo,
  onRetry,
  onDiscard,
}: MessageMenuProps) {
  useOverlay(onClose);
  const { openDirect } = useOpenDirect();
  const isFailed = message.status === "failed";
  const items: MenuItem[] = [];
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
  if (message.mine && message.id)
    items.push({ label: "Who has read it", icon: InformationCircleIcon, onSelect: () => onInfo(message) });
  if (isFailed) items.push({ label: "Try again", icon: ArrowPathIcon, onSelect: () => onRetry(message) });
  if (isFailed)
    items.push({ label: "Discard", icon: TrashIcon, isDangerous: true, onSelect: () => onDiscard(message) });
  if (!message.content && items.length === 0) return null;
  return (
    <Radix.Root open modal={false} onOpenChange={(isOpen) => isOpen || onClose()}>
      <Radix.Trigger asChild>
        <button type="button" className={css.anchor} style={{ left: x, top: y }} tabIndex={-1} aria-label="Message" />
      </Radix.Trigger>
      <MenuContent items={items} align="start" />
    </Radix.Root>
  );
}

function copy(text: string, done = "The text is copied."): void {
  copyText(text).then(() => notify(done), notify.failed);
}

/** Selects all of its text, to take a part of it from there. */
function select(key: string): void {
  const text = document.querySelector(`li[data-key="${CSS.escape(key)}"] p`);
  if (text) setTimeout(() => window.getSelection()?.selectAllChildren(text)); // once the menu has given the focus back
}
