/** The emoji under a message, with how many have chosen each; pressing one adds or takes back the user's own. */
import type { Message } from "@chatapp/client";
import css from "./reactions.module.css";

export function Reactions({ message, onReact }: { message: Message; onReact: (emoji: string, on: boolean) => void }) {
  return (
    <ul className={css.reactions} aria-label="Reactions">
      {message.reactions.map(({ emoji, count, mine }) => (
        <li key={emoji}>
          <button
            type="button"
            className={css.reaction}
            aria-pressed={mine}
            aria-label={`${emoji} ${count}`}
            tabIndex={-1}
            onClick={(event) => {
              event.stopPropagation();
              onReact(emoji, !mine);
            }}
          >
            <span aria-hidden="true">{emoji}</span>
            {count > 1 && <span aria-hidden="true">{count}</span>}
          </button>
        </li>
      ))}
    </ul>
  );
}
