/** Messages as later entries have made them (docs/protocol.md, section 5). */
import { withPin } from "./pin-state.js";
import { withChangedQuote } from "./quotes.js";
import { withReaction } from "./reactions.js";
import type { Mention } from "./types/messages.js";
import { author, type Entry } from "./wire.js";

const CHANGES: ReadonlySet<string> = new Set(["message_edited", "message_deleted", "reaction", "pinned", "unpinned"]);

interface MessageChange {
  readonly targetSeq: number;
  readonly targetMseq: number;
  readonly content?: string;
  readonly mentions?: readonly Mention[];
  readonly editedAt?: string;
  readonly emoji?: string;
  readonly on?: boolean;
  readonly until?: string;
  /** The change is not given: its text was erased since, or the reader may not see the message. */
  readonly withheld?: boolean;
}

/** The change of a message that the entry makes; undefined for an entry that changes none. */
export function messageChange(entry: Entry): MessageChange | undefined {
  return CHANGES.has(entry.type) ? (entry.change as unknown as MessageChange) : undefined;
}

/** The message after an entry that concerns it; the same one if a later entry counts already. What is deleted stays so. */
export function withMessageChange(message: Entry, entry: Entry): Entry {
  const change = messageChange(entry);
  if (!change || entry.seq <= (message.changedSeq ?? 0)) return message;
  const next = { ...message, changedSeq: entry.seq };
  if (entry.type === "message_deleted") return blank(next);
  if (message.deleted || change.withheld) return next;
  if (entry.type === "reaction") {
    const { emoji = "", on = false } = change;
    return { ...next, reactions: withReaction(message.reactions ?? [], author(entry).id, emoji, on) };
  }
  if (entry.type === "pinned" || entry.type === "unpinned") {
    return withPin(next, entry.type === "pinned", change.until);
  }
  const { content = "", editedAt = entry.createdAt, mentions } = change;
  const { mentions: _, ...others } = next;
  return {
    ...others,
    content,
    editedAt,
    edits: (message.edits ?? 0) + 1,
    ...(mentions && { mentions: [...mentions] }),
  };
}

function blank(message: Entry): Entry {
  const {
    editedAt: _,
    edits: __,
    reactions: ___,
    replyTo: ____,
    mentions: _____,
    forwarded: ______,
    ...rest
  } = withPin(message, false, undefined);
  return { ...rest, content: "", attachment: null, deleted: true };
}

/** The entry without what the deletion of a message takes away; the same one if it takes nothing. */
export function withoutDeleted(entry: Entry, deletion: Entry): Entry {
  const target = messageChange(deletion)?.targetSeq;
  if (entry.seq === target) return withMessageChange(entry, deletion);
  const change = messageChange(entry);
  if (entry.type === "message") return withChangedQuote(entry, deletion);
  if (entry.type !== "message_edited" || change?.targetSeq !== target || change?.withheld) return entry;
  return { ...entry, change: { ...entry.change, content: "", withheld: true } };
}

/** Entries of a log by seq, each message as the entries here have made it, in whatever order they came. */
export class EntryWindow {
  private readonly entries = new Map<number, Entry>();
  /** Messages as they were given, of those that entries here have changed. */
  private readonly given = new Map<number, Entry>();
  private readonly changes = new Map<number, Entry[]>();
  /** The seqs of the replies to a message, by its seq. */
  private readonly replies = new Map<number, Set<number>>();

  get size(): number {
    return this.entries.size;
  }

  get(seq: number): Entry | undefined {
    return this.entries.get(seq);
  }

  /** The message with this id. */
  find(id: string): Entry | undefined {
    for (const entry of this.entries.values()) if (entry.type === "message" && entry.id === id) return entry;
    return undefined;
  }

  add(entry: Entry): void {
    this.addReply(entry);
    this.give(entry);
    const change = messageChange(entry);
    if (!change) return;
    const known = this.changes.get(change.targetSeq) ?? [];
    if (!known.some(({ seq }) => seq === entry.seq)) {
      this.changes.set(
        change.targetSeq,
        [...known, entry].sort((a, b) => a.seq - b.seq),
      );
    }
    for (const seq of [change.targetSeq, ...(this.replies.get(change.targetSeq) ?? [])]) {
      const message = this.given.get(seq) ?? this.entries.get(seq);
      if (message) this.give(message);
    }
  }

  private addReply({ seq, replyTo }: Entry): void {
    if (replyTo?.seq === undefined) return;
    const known = this.replies.get(replyTo.seq) ?? new Set();
    this.replies.set(replyTo.seq, known.add(seq));
  }

  private give(entry: Entry): void {
    const changes = this.changes.get(entry.seq) ?? [];
    const ofQuoted = this.changes.get(entry.replyTo?.seq ?? 0) ?? [];
    if (changes.length + ofQuoted.length > 0) this.given.set(entry.seq, entry);
    this.entries.set(entry.seq, ofQuoted.reduce(withChangedQuote, changes.reduce(withMessageChange, entry)));
  }

  deleteBelow(lowest: number): void {
    for (const entries of [this.entries, this.given, this.changes])
      for (const seq of entries.keys())
        if (seq < lowest && !(entries === this.changes && this.replies.has(seq))) entries.delete(seq);
  }
}
