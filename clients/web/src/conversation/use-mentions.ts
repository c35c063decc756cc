/** Mentions in the text field: choosing somebody behind an @, by keys or with a tap. */
import type { Conversation, Mention, Message } from "@chatapp/client";
import { useAccount } from "@chatapp/client/react";
import { type KeyboardEvent, type RefObject, useRef, useState } from "react";
import { type Mentionable, mentionable, mentionedBefore, mentionedIn, mentionsIn } from "./mentions";

const NOBODY: readonly Mentionable[] = [];

export function useMentions(
  conversation: Conversation,
  area: RefObject<HTMLTextAreaElement | null>,
  onText: (text: string) => void,
  edited?: Message,
) {
  const me = useAccount().user?.id ?? "";
  const chosen = useRef<readonly Mentionable[]>(edited ? mentionedIn(edited) : NOBODY);
  const [query, setQuery] = useState<string>();
  const [active, setActive] = useState(0);
  const people = query === undefined ? NOBODY : mentionable(conversation, query, me);

  const looked = () => {
    const element = area.current;
    setQuery(element ? mentionedBefore(element.value, element.selectionStart) : undefined);
    setActive(0);
  };
  const choose = (person: Mentionable) => {
    const element = area.current;
    if (!element || query === undefined) return;
    const caret = element.selectionStart;
    element.setRangeText(`@${person.name} `, caret - query.length - 1, caret, "end");
    chosen.current = [...chosen.current.filter(({ userId }) => userId !== person.userId), person];
    setQuery(undefined);
    onText(element.value);
    element.focus();
  };
  /** Return whether the key was meant for the choice. */
  const pressed = ({ key }: KeyboardEvent): boolean => {
    const person = people[active];
    if (!person) return false;
    if (key === "ArrowDown") setActive((active + 1) % people.length);
    else if (key === "ArrowUp") setActive((active + people.length - 1) % people.length);
    else if (key === "Enter" || key === "Tab") choose(person);
    else if (key === "Escape") setQuery(undefined);
    else return false;
    return true;
  };
  /** Return the mentions of a text that is sent, all of people who were chosen. */
  const taken = (text: string): readonly Mention[] => mentionsIn(text, chosen.current);
  const closed = () => setQuery(undefined);
  return { people, active, looked, choose, pressed, taken, closed };
}
