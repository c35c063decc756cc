/** Quotes: the messages that replies refer to, as later entries have made them (docs/protocol.md, section 5). */
import { contentKind } from "./content-kind.js";
import type { ContentKind, Message, Quote } from "./types/messages.js";
import type { Entry } from "./wire.js";

type WireQuote = NonNullable<Entry["replyTo"]>;

const MOST_PREVIEWED = 200;

/** The first characters of a text; none is cut in two. */
function preview(content: string): string {
  const [...characters] = content.slice(0, 2 * MOST_PREVIEWED);
  return characters.slice(0, MOST_PREVIEWED).join("");
}

/** The reply after a change of the message that it quotes; the same one if it quotes another, or a later change counts. */
export function withChangedQuote(reply: Entry, entry: Entry): Entry {
  const { replyTo: quote } = reply;
  const change = (entry.change ?? {}) as { messageId?: string; content?: string; withheld?: boolean };
  if (!quote || quote.unavailable || change.messageId !== quote.id) return reply;
  if (entry.seq <= (quote.changedSeq ?? 0)) return reply;
  if (entry.type === "message_deleted") return { ...reply, replyTo: { id: quote.id, unavailable: true } };
  if (entry.type !== "message_edited" || change.withheld) return reply;
  return { ...reply, replyTo: { ...quote, preview: preview(change.content ?? ""), changedSeq: entry.seq } };
}

export function quoteView(quote: WireQuote | undefined): Quote | null {
  if (!quote) return null;
  const { id, unavailable = false, seq = null, sender, kind = "text", preview = "" } = quote;
  const from = sender ? { id: sender.id, name: sender.name, avatar: sender.avatar } : null;
  return { id, unavailable, seq, sender: from, contentKind: kind as ContentKind, preview };
}

/** The quote of a message in an unsent reply. */
export function quoteOf(id: string, message: Message | undefined): Quote {
  if (!message) return { id, unavailable: false, seq: null, sender: null, contentKind: "text", preview: "" };
  const { seq, sender, deleted, content, attachment } = message;
  if (deleted) return { id, unavailable: true, seq: null, sender: null, contentKind: "text", preview: "" };
  return { id, unavailable: false, seq, sender, contentKind: contentKind(attachment), preview: preview(content) };
}
