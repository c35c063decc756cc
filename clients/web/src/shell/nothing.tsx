import { ChatBubbleLeftRightIcon } from "@heroicons/react/24/outline";
import { go } from "../lib/navigation";
import { routes } from "../lib/routes";
import { Button } from "../ui/button";
import { Hint } from "../ui/hint";
import css from "./nothing.module.css";

/** Beside the list, while no conversation is open. */
export function Nothing() {
  return (
    <div className={css.place}>
      <Hint
        icon={ChatBubbleLeftRightIcon}
        title="Your messages"
        text="Choose a conversation, or write to somebody new. Messages that you send while offline go out by themselves later."
      >
        <Button variant="soft" onClick={() => go(routes.contacts)}>
          New chat
        </Button>
      </Hint>
      <p className={css.keys}>
        <kbd>Ctrl</kbd> <kbd>K</kbd> search · <kbd>Alt</kbd> <kbd>↓</kbd> next chat · <kbd>Ctrl</kbd> <kbd>/</kbd> all
        shortcuts
      </p>
    </div>
  );
}
