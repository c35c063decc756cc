/** Above the text field: the message that is edited, or replied to. */
import { ArrowUturnLeftIcon, PencilIcon, XMarkIcon } from "@heroicons/react/24/outline";
import { isolated } from "../lib/names";
import { IconButton } from "../ui/button";
import css from "./intent-bar.module.css";
import type { Intent } from "./intents";
import { previewOf } from "./quote";

export function IntentBar({ intent: { kind, message }, onEnd }: { intent: Intent; onEnd: () => void }) {
  const isEdit = kind === "edit";
  const Picture = isEdit ? PencilIcon : ArrowUturnLeftIcon;
  const title = isEdit ? "Edit message" : `Reply to ${message.mine ? "yourself" : isolated(message.sender.name)}`;
  return (
    <div className={css.bar}>
      <Picture width={20} className={css.icon} aria-hidden="true" />
      <div className={css.what}>
        <span className={css.title}>{title}</span>
        <span className={css.preview} dir="auto">
          {previewOf(message.contentKind, message.content)}
        </span>
      </div>
      <IconButton label={isEdit ? "Do not edit" : "Do not reply"} icon={XMarkIcon} onClick={onEnd} />
    </div>
  );
}
