/** The text that is being written. It is kept as the conversation's draft, though not with every key. */
import { useChat } from "@chatapp/client/react";
import { useCallback, useEffect, useRef, useState } from "react";

/** Whoever stops for so long is thinking: that is when the draft is stored, and other tabs hear of it. */
const PAUSE = 400;

interface Text {
  readonly text: string;
  readonly write: (text: string) => void;
  /** It was sent. */
  readonly clear: () => void;
}

/**
 * As long as nothing was written here, the text follows the draft, which other tabs write too. What was written here is
 * nobody else's to change: a draft that is sent elsewhere takes nothing away here.
 */
export function useText(conversationId: string): Text {
  const draft = useChat().draft(conversationId);
  const [text, setText] = useState(draft.getSnapshot);
  const own = useRef<string | undefined>(undefined);
  /** The draft as this tab knows it. */
  const stored = useRef(text);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

  const store = useCallback(() => {
    clearTimeout(timer.current);
    if (own.current === undefined) return;
    stored.current = own.current;
    draft.set(own.current);
    if (own.current === "") own.current = undefined;
  }, [draft]);

  useEffect(() => {
    const changed = () => {
      const next = draft.getSnapshot();
      if (next === stored.current) return;
      if (own.current === undefined) {
        stored.current = next;
        setText(next);
      } else if (next === "") timer.current = setTimeout(store, PAUSE); // sent elsewhere: what is written here is the draft now
    };
    const hidden = () => document.visibilityState === "hidden" && store();
    changed();
    const ending = draft.subscribe(changed);
    document.addEventListener("visibilitychange", hidden);
    window.addEventListener("pagehide", store);
    return () => {
      ending();
      document.removeEventListener("visibilitychange", hidden);
      window.removeEventListener("pagehide", store);
      store();
    };
  }, [draft, store]);

  const write = useCallback(
    (next: string) => {
      own.current = next;
      setText(next);
      clearTimeout(timer.current);
      timer.current = setTimeout(store, PAUSE);
    },
    [store],
  );
  const clear = useCallback(() => {
    clearTimeout(timer.current);
    own.current = undefined;
    setText("");
    if (draft.getSnapshot() === stored.current) draft.clear(); // else another tab is writing
    stored.current = draft.getSnapshot();
  }, [draft]);
  return { text, write, clear };
}
