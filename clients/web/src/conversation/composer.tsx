/** Where messages are written. The draft is kept on the device, for each conversation. */

import type { Conversation } from "@chatapp/client";
import { useChat, useObservable, useTyping } from "@chatapp/client/react";
import { PaperAirplaneIcon } from "@heroicons/react/24/solid";
import { type FormEvent, type KeyboardEvent, useEffect, useLayoutEffect, useRef } from "react";
import { isTouch } from "../lib/device";
import { isComposing } from "../lib/keys";
import { isolated } from "../lib/names";
import { characters, firstCharacters } from "../lib/text";
import { IconButton } from "../ui/button";
import { notify } from "../ui/notices";
import css from "./composer.module.css";
import { EmojiButton } from "./emoji-button";
import { focusNewestMessage } from "./use-row-keys";
import { useText } from "./use-text";

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
  const { text, write: keep, clear } = useText(id);
  const [, setTyping] = useTyping(id);
  const area = useRef<HTMLTextAreaElement>(null);
  const excess = useExcess(text);
  const canSend = text.trim() !== "" && excess === 0;
  useGrowing(area, text);
  const bounded = useBounded(area);
  useEffect(() => {
    if (!isTouch()) area.current?.focus();
    return () => setTyping(false);
  }, [setTyping]);

  const write = (given: string) => {
    const next = bounded(given);
    keep(next);
    setTyping(next.trim() !== "");
  };
  const send = (event?: FormEvent) => {
    event?.preventDefault();
    if (!canSend) return;
    messages.send(text.replace(/^(?:[^\S\n]*\n)+/, "").trimEnd()); // spaces at its beginning are part of it
    clear();
    area.current?.focus();
  };
  const pressed = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (isComposing(event.nativeEvent)) return;
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
          aria-label={`Message to ${isolated(title)}`}
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

/** What is longer than the limit by so much is cut: nobody shortens that by hand, and each key would take long. */
const SLACK = 1000;

/**
 * Cuts what is far too long, and says so. What is pasted or dropped is cut before it is in the field: a browser takes
 * seconds to lay out millions of characters.
 */
function useBounded(area: React.RefObject<HTMLTextAreaElement | null>): (text: string) => string {
  const { maxTextLength } = useObservable(useChat().limits);
  useEffect(() => {
    const element = area.current;
    if (!element) return;
    const inserting = (event: InputEvent) => {
      const data = event.data ?? event.dataTransfer?.getData("text/plain") ?? "";
      const kept = element.value.length - (element.selectionEnd - element.selectionStart);
      if (kept + data.length <= maxTextLength + SLACK) return;
      if (!/^insertFrom(Paste|Drop)/.test(event.inputType)) return;
      event.preventDefault();
      const room = Math.max(
        0,
        maxTextLength - characters(element.value) + (element.selectionEnd - element.selectionStart),
      );
      document.execCommand("insertText", false, firstCharacters(data, room)); // keeps what can be undone
      tell(maxTextLength);
    };
    element.addEventListener("beforeinput", inserting);
    return () => element.removeEventListener("beforeinput", inserting);
  }, [area, maxTextLength]);
  return (text) => {
    if (text.length <= maxTextLength + SLACK || characters(text) <= maxTextLength + SLACK) return text;
    tell(maxTextLength);
    return firstCharacters(text, maxTextLength);
  };
}

function tell(most: number): void {
  notify(`That was too long for one message: it was cut after ${most.toLocaleString()} characters.`);
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
