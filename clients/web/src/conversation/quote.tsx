/** The message that another one replies to, as it is now; it leads there. */
import type { ContentKind, Quote as QuoteOf } from "@chatapp/client";
import { KIND_NAMES } from "../lib/kinds";
import { Name } from "../ui/name";
import css from "./quote.module.css";

/** Return the text in one line, or what stands for it. */
export function previewOf(kind: ContentKind, text: string): string {
  return text.replace(/\s+/g, " ").trim() || KIND_NAMES[kind];
}

interface QuoteProps {
  quote: QuoteOf;
  me: string;
  onJump: (seq: number) => void;
}

export function Quote({ quote: { unavailable, seq, sender, contentKind, preview }, me, onJump }: QuoteProps) {
  if (unavailable || seq === null)
    return <p className={css.quote}>{unavailable ? "This message is not available" : "A message before"}</p>;
  return (
    <button type="button" className={css.quote} tabIndex={-1} onClick={() => onJump(seq)}>
      <span className={css.who}>{sender && (sender.id === me ? "You" : <Name of={sender.name} />)}</span>
      <span className={css.text} dir="auto">
        {previewOf(contentKind, preview)}
      </span>
    </button>
  );
}
