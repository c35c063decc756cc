/** The field in which messages are written. Each conversation's draft is kept on the device. */

import type { Conversation, Mention, Message } from "@chatapp/client";
import { useChat, useObservable, useTyping } from "@chatapp/client/react";
import { CheckIcon, PaperAirplaneIcon } from "@heroicons/react/24/solid";
import { type FormEvent, type KeyboardEvent, useEffect, useLayoutEffect, useRef, useState } from "react";
import { isTouch } from "../lib/device";
import { isComposing } from "../lib/keys";
import { isolated } from "../lib/names";
import { characters, firstCharacters } from "../lib/text";
import { IconButton } from "../ui/button";
import { notify } from "../ui/notices";
import css from "./composer.module.css";
import { EmojiButton } from "./emoji-button";
import { IntentBar } from "./intent-bar";
import { begin, endIntent, type Intent, isEditable, useIntent } from "./intents";
import { MentionPicker } from "./mention-picker";
import { useMentions } from "./use-mentions";
import { focusNewestMessage } from "./use-row-keys";
import { useText } from "./use-text";

const PICKER = "mention-picker";
const encoder = new TextEncoder();

/** By how many characters a text is too long for the server; 0 when it is not. */
function useExcess(text: string): number {
  const { maxTextLength, maxTextBytes } = useObservable(useChat().limits);
  if (text.length * 3 <= Math.min(maxTextLength, maxTextBytes)) return 0;
  const tooLong = Math.max(0, characters(text) - maxTextLength);
  const tooLarge = Math.max(0, Math.ceil((encoder.encode(text).length - maxTextBytes) / 4));
  return Math.max(tooLong, tooLarge);
}

export function Composer({ conversation }: { conversation: Conversation }) {
  const intent = useIntent(conversation.id);
  if (intent?.kind !== "edit") return <Writer conversation={conversation} replyTo={intent} />;
  return <Editor key={intent.message.key} conversation={conversation} intent={intent} />;
}

/** Writes a new message. */
function Writer({ conversation, replyTo }: { conversation: Conversation; replyTo: Intent | undefined }) {
  const { id, title } = conversation;
  const messages = useChat().messages(id);
  const { text, write, clear } = useText(id);
  const [, setTyping] = useTyping(id);
  useEffect(() => () => setTyping(false), [setTyping]);
  const send = (mentionsOf: MentionsOf) => {
    const content = text.replace(/^(?:[^\S\n]*\n)+/, "").trimEnd(); // spaces at its beginning are part of it
    const quoted = replyTo?.message.id;
    const mentions = mentionsOf(content);
    messages.send({ content, ...(quoted && { replyTo: quoted }), ...(mentions.length > 0 && { mentions }) });
    clear();
    endIntent(id);
  };
  const editLast = () => {
    const last = messages.getSnapshot().data.findLast((item) => item.kind === "message" && isEditable(item));
    if (last) begin("edit", last as Message);
    else focusNewestMessage();
  };
  return (
    <MessageForm
      conversation={conversation}
      label={`Message to ${isolated(title)}`}
      placeholder="Write a message"
      action="Send"
      text={text}
      intent={replyTo}
      onText={(next) => {
        write(next);
        setTyping(next.trim() !== "");
      }}
      onLeave={() => setTyping(false)}
      onSend={send}
      onEnd={() => endIntent(id)}
      onUp={editLast}
    />
  );
}

/** Gives a message another text. */
function Editor({ conversation, intent }: { conversation: Conversation; intent: Intent }) {
  const { id } = conversation;
  const messages = useChat().messages(id);
  const [text, setText] = useState(intent.message.content);
  const save = (mentionsOf: MentionsOf) => {
    const content = text.trimEnd();
    const mentions = mentionsOf(content);
    if (content !== intent.message.content) messages.edit(intent.message, content, mentions).catch(() => {}); // the chat tells why
    endIntent(id);
  };
  return (
    <MessageForm
      conversation={conversation}
      label="Edit message"
      placeholder="Write what it should say"
      action="Save"
      text={text}
      intent={intent}
      onText={setText}
      onSend={save}
      onEnd={() => endIntent(id)}
    />
  );
}

type MentionsOf = (text: string) => readonly Mention[];

interface MessageFormProps {
  conversation: Conversation;
  label: string;
  placeholder: string;
  action: "Send" | "Save";
  text: string;
  intent: Intent | undefined;
  onText: (text: string) => void;
  onSend: (mentionsOf: MentionsOf) => void;
  /** Gives up the edit, or the reply. */
  onEnd: () => void;
  onLeave?: () => void;
  /** The key to the messages was pressed in an empty field. */
  onUp?: () => void;
}

function MessageForm({ conversation, text, intent, onText, onSend, onEnd, onLeave, onUp, ...names }: MessageFormProps) {
  const area = useRef<HTMLTextAreaElement>(null);
  const excess = useExcess(text);
  const canSend = text.trim() !== "" && excess === 0;
  useGrowing(area, text);
  const bounded = useBounded(area);
  const mentions = useMentions(conversation, area, onText, intent?.kind === "edit" ? intent.message : undefined);
  useEffect(() => {
    if (!isTouch() || intent) area.current?.focus();
  }, [intent]);

  const send = (event?: FormEvent) => {
    event?.preventDefault();
    if (!canSend) return;
    onSend(mentions.taken);
    area.current?.focus();
  };
  const pressed = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (isComposing(event.nativeEvent)) return;
    if (mentions.pressed(event)) event.preventDefault();
    else if (event.key === "Enter" && !event.shiftKey && !isTouch()) send(event);
    else if (event.key === "Escape" && intent) onEnd();
    else if (event.key === "ArrowUp" && !event.altKey && text === "" && onUp) onUp();
    else return;
    event.preventDefault();
  };
  const insert = (emoji: string) => {
    const element = area.current;
    if (!element) return;
    element.setRangeText(emoji, element.selectionStart, element.selectionEnd, "end");
    onText(bounded(element.value));
  };
  return (
    <form className={css.composer} onSubmit={send}>
      {mentions.people.length > 0 && (
        <MentionPicker id={PICKER} people={mentions.people} active={mentions.active} onChosen={mentions.choose} />
      )}
      {intent && <IntentBar intent={intent} onEnd={onEnd} />}
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
          aria-label={names.label}
          placeholder={names.placeholder}
          enterKeyHint={isTouch() ? "enter" : "send"}
          aria-invalid={excess > 0 || undefined}
          value={text}
          aria-controls={mentions.people.length > 0 ? PICKER : undefined}
          aria-activedescendant={mentions.people.length > 0 ? `${PICKER}-${mentions.active}` : undefined}
          onChange={(event) => {
            onText(bounded(event.target.value));
            mentions.looked();
          }}
          onKeyDown={pressed}
          onBlur={() => {
            mentions.closed();
            onLeave?.();
          }}
        />
        <IconButton
          type="submit"
          label={names.action}
          icon={names.action === "Save" ? CheckIcon : PaperAirplaneIcon}
          filled
          disabled={!canSend}
          className={css.send}
        />
      </div>
    </form>
  );
}

/** The excess over the limit at which a text is cut: nobody shortens more by hand, and each key would take long. */
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
