import { plural } from "../lib/text";
import { Button } from "../ui/button";
import css from "./unread-bar.module.css";

interface UnreadBarProps {
  count: number;
  onFirst: () => void;
  onAll: () => void;
}

/** Many messages are unread, and none of them counts as read yet: to the first of them, or past them all. */
export function UnreadBar({ count, onFirst, onAll }: UnreadBarProps) {
  return (
    <div className={css.bar} role="status">
      <p className={css.text}>{plural(count, "unread message")}</p>
      <Button className={css.button} onClick={onFirst}>
        Show the first
      </Button>
      <Button className={css.button} onClick={onAll}>
        Mark as read
      </Button>
    </div>
  );
}
