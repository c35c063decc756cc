/** The text that is being written, which is the conversation's draft as far as this tab wrote it. */
import { useChat } from "@chatapp/client/react";
import { useCallback, useEffect, useRef, useState } from "react";

interface Text {
  readonly text: string;
  readonly write: (text: string) => void;
  /** It was sent. */
  readonly clear: () => void;
}

/**
 * As long as nothing was written here, the text follows the draft, which other tabs write too. What was written here is
 * nobody else's to change: a draft that is sent elsewhere takes nothing away here. The SDK stores it when typing pauses.
 */
export function useText(conversationId: string): Text {
  const draft = useChat().draft(conversationId);
  const [text, setText] = useState(draft.getSnapshot);
  /** Written here, and neither sent nor deleted. */
  const own = useRef<string | undefined>(undefined);

  useEffect(() => {
    const changed = () => {
      const next = draft.getSnapshot();
      if (own.current === undefined) setText(next);
      else if (next === "") draft.set(own.current); // sent elsewhere: what is written here is the draft now
    };
    changed();
    return draft.subscribe(changed);
  }, [draft]);

  const write = useCallback(
    (next: string) => {
      own.current = next === "" ? undefined : next;
      setText(next);
      draft.set(next);
    },
    [draft],
  );
  const clear = useCallback(() => {
    const isDraft = own.current === undefined || draft.getSnapshot() === own.current; // else another tab is writing
    own.current = undefined;
    setText("");
    if (isDraft) draft.clear();
  }, [draft]);
  return { text, write, clear };
}
