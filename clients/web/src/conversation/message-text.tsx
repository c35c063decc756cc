import type { Mention } from "@chatapp/client";
import { memo, type ReactNode, useMemo, useState } from "react";
import { beginning, emojiCount, isRightToLeft } from "../lib/text";
import { usePieces } from "./links";
import css from "./message-text.module.css";

interface MessageTextProps {
  content: string;
  mentions: readonly Mention[];
  me: string;
  /** Takes the room that the time needs at the end of the last line. */
  spacer: ReactNode;
}

/** A message's text: links can be followed, long ones are folded, few emoji are big. React escapes all of it. */
export const MessageText = memo(function MessageText(props: MessageTextProps) {
  const { content, spacer, ...named } = props;
  const [isWhole, setWhole] = useState(false);
  const folded = useMemo(() => beginning(content), [content]);
  const emoji = useMemo(() => emojiCount(content), [content]);
  if (emoji > 0) {
    return (
      <p className={css.emoji} data-count={emoji}>
        {content}
        <span className={css.below}>{spacer}</span>
      </p>
    );
  }
  if (folded === undefined) {
    return (
      <p className={css.text} dir="auto" data-rtl={isRightToLeft(content)}>
        <Marked text={content} {...named} />
        <span className={css.beside}>{spacer}</span>
      </p>
    );
  }
  return (
    <>
      <p className={css.text} dir="auto">
        <Marked text={isWhole ? content : folded} {...named} />
        {!isWhole && "…"}
      </p>
      <button type="button" className={css.more} aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>
        {isWhole ? "Show less" : "Read more"}
      </button>
      <span className={css.below}>{spacer}</span>
    </>
  );
});

/** The text with its mentions; the user's own stands out. */
function Marked({ text, mentions, me }: { text: string; mentions: readonly Mention[]; me: string }) {
  const parts: ReactNode[] = [];
  let from = 0;
  for (const { userId, offset, length } of mentions) {
    if (offset < from || offset + length > text.length) continue;
    if (offset > from) parts.push(<Linked key={from} text={text.slice(from, offset)} />);
    const isOwn = userId === me || userId === "everyone";
    parts.push(
      <span key={offset} className={css.mention} data-own={isOwn}>
        {text.slice(offset, offset + length)}
      </span>,
    );
    from = offset + length;
  }
  if (from < text.length) parts.push(<Linked key={from} text={text.slice(from)} />);
  return parts;
}

const Linked = memo(function Linked({ text }: { text: string }) {
  return usePieces(text).map(({ text: piece, href }, index) =>
    href === undefined ? (
      piece
    ) : (
      // biome-ignore lint/suspicious/noArrayIndexKey: the pieces of a text do not move
      <a key={index} href={href} target="_blank" rel="noopener noreferrer" className={css.link}>
        {piece}
      </a>
    ),
  );
});
