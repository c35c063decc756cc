import { ChevronDownIcon } from "@heroicons/react/24/outline";
import { plural } from "../lib/text";
import css from "./jump-button.module.css";

interface JumpButtonProps {
  isShown: boolean;
  unread: number;
  onClick: () => void;
}

/** To the newest message, and how many are unread there. */
export function JumpButton({ isShown, unread, onClick }: JumpButtonProps) {
  if (!isShown) return null;
  const label = unread > 0 ? `To the newest message, ${plural(unread, "unread message")}` : "To the newest message";
  return (
    <button type="button" className={css.jump} aria-label={label} title="To the newest message" onClick={onClick}>
      <ChevronDownIcon width={22} aria-hidden="true" />
      {unread > 0 && <span className={css.badge}>{unread > 999 ? "999+" : unread}</span>}
    </button>
  );
}
