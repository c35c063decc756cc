import type { Message } from "@chatapp/client";
import { ArrowPathIcon, ClipboardDocumentIcon, InformationCircleIcon, TrashIcon } from "@heroicons/react/24/outline";
import * as Radix from "@radix-ui/react-dropdown-menu";
import { copyText } from "../lib/device";
import type { MenuItem } from "../ui/menu";
import { notify } from "../ui/notices";
import { MenuContent } from "../ui/radix-menu";
import type { MenuAt } from "./bubble";
import css from "./message-menu.module.css";

interface MessageMenuProps {
  at: MenuAt;
  onClose: () => void;
  onInfo: (message: Message) => void;
  onRetry: (message: Message) => void;
  onDiscard: (message: Message) => void;
}

/** What can be done with a message, where it was asked for. */
export default function MessageMenu({ at: { message, x, y }, onClose, onInfo, onRetry, onDiscard }: MessageMenuProps) {
  const isFailed = message.status === "failed";
  const items: MenuItem[] = [];
  if (message.content)
    items.push({ label: "Copy text", icon: ClipboardDocumentIcon, onSelect: () => copy(message.content) });
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

function copy(text: string): void {
  copyText(text).then(() => notify("The text is copied."), notify.failed);
}
