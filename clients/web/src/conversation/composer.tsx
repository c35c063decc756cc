/** Where messages are written. The draft is kept on the device, for each conversation. */

import type { Conversation } from "@chatapp/client";
import { useChat, useDraft, useObservable, useTyping } from "@chatapp/client/react";
import { PaperAirplaneIcon } from "@heroicons/react/24/solid";
import { type FormEvent, type KeyboardEvent, useEffect, useLayoutEffect, useRef } from "react";
import { isTouch } from "../lib/device";
import { characters } from "../lib/text";
import { IconButton } from "../ui/button";
import css from "./composer.module.css";
import { EmojiButton } from "./emoji-button";
import { focusNewestMessage } from "./use-row-keys";

const encoder = new TextEncoder();

/** By how many characters a text is too long for the server; 0 when it is not. */
function useExcess(text: string): number {
  const { maxTextLength, maxTextBytes } = useObservable(useChat().limits);
  if (text.length * 3 <= Math.min(maxTextLength, maxTextBytes)) return 0;
  const tooLong = Math.max(0, characters(text) - maxTextLength);
  const tooLarge = Math.max(0, Math.ceil((encoder.encode(text).length - maxTextBytes) / 4));
  return Math.max(tooLong, tooLarge);
}

export function Composer({ conversation: { id, title } }: { conversation: Conversation }) {
  const messages = useChat().messages(id);
  const [text, setText] = useDraft(id);
  const [, setTyping] = useTyping(id);
  const area = useRef<HTMLTextAreaElement>(null);
  const excess = useExcess(text);
  const canSend = text.trim() !== "" && excess === 0;
  useGrowing(area, text);
  useEffect(() => {
    if (!isTouch()) area.current?.focus();
    return () => setTyping(false);
  }, [setTyping]);

  const write = (next: string) => {
    setText(next);
    setTyping(next.trim() !== "");
  };
  const send = (event?: FormEvent) => {
    event?.preventDefault();
    if (!canSend) return;
    messages.send(text.trim());
    setText("");
    area.current?.focus();
  };
  const pressed = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey && !isTouch()) send(event);
    else if (event.key === "ArrowUp" && !event.altKey && text === "") {
      event.preventDefault();
      focusNewestMessage();
    }
  };
  const insert = (emoji: string) => {
    const element = area.current;
    if (!element) return;
    element.setRangeText(emoji, element.selectionStart, element.selectionEnd, "end");
    write(element.value);
  };
  return (
    <form className={css.composer} onSubmit={send}>
      {excess > 0 && (
        <p className={css.excess} role="alert">
          Too long by {excess} {excess === 1 ? "character" : "characters"}.
        </p>
      )}
      <div className={css.box}>
        <EmojiButton onChosen={insert} onClosed={() => area.current?.focus()} />
        <textarea
          ref={area}
          className={css.area}
          data-composer
          rows={1}
          dir="auto"
          aria-label={`Message to ${title}`}
          placeholder="Write a message"
          enterKeyHint={isTouch() ? "enter" : "send"}
          aria-invalid={excess > 0 || undefined}
          value={text}
          onChange={(event) => write(event.target.value)}
          onKeyDown={pressed}
          onBlur={() => setTyping(false)}
        />
        <IconButton
          type="submit"
          label="Send"
          icon={PaperAirplaneIcon}
          filled
          disabled={!canSend}
          className={css.send}
        />
      </div>
    </form>
  );
}

/** As high as its text, up to what the style allows. */
function useGrowing(area: React.RefObject<HTMLTextAreaElement | null>, text: string): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: another text has another height
  useLayoutEffect(() => {
    const element = area.current;
    if (!element) return;
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight}px`;
  }, [area, text]);
}
