/** Turns entries and outgoing messages into the items that apps show; an item is made again only if it changes. */

import type { Acts } from "./acts.js";
import { contentKind } from "./content-kind.js";
import { hasAllMembers, marksOf, memberCount, NO_MARKS } from "./conversation-record.js";
import { ChatError } from "./errors.js";
import { shownPin } from "./pin-state.js";
import { quoteOf, quoteView } from "./quotes.js";
import { shownReactions, withOwnReaction } from "./reactions.js";
import type { ActRecord, ConversationRecord, Marks, OutboxRecord } from "./records.js";
import type { Message, MessageStatus, Quote } from "./types/messages.js";
import type { Role, User } from "./types/people.js";
import type { Change, ConversationEvent, TimelineItem } from "./types/timeline.js";
import { author, type Entry, type Person } from "./wire.js";

/** The count of numbers in `sorted` that are at least `seq`. */
function countFrom(sorted: readonly number[], seq: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) >= seq) high = middle;
    else low = middle + 1;
  }
  return sorted.length - low;
}

/** The other members' marks. Members who are not named get the lowest marks known, so no status claims too much. */
function othersMarks({ conversation, receipts }: ConversationRecord, me: string): Marks[] {
  if (hasAllMembers(conversation)) {
    const others = conversation.participants.filter((member) => member.id !== me);
    return others.map((member) => marksOf(receipts, member.id));
  }
  const count = memberCount(conversation) - 1;
  const known = Object.entries(receipts).flatMap(([id, marks]) => (id === me ? [] : [marks]));
  known.sort((a, b) => a.readSeq - b.readSeq);
  return [...known.slice(0, count), ...Array<Marks>(Math.max(0, count - known.length)).fill(NO_MARKS)];
}

/** The delivery status of own messages, from the other members' marks. */
export class ReceiptSummary {
  private readonly delivered: number[];
  private readonly read: number[];

  constructor(record: ConversationRecord, me: string) {
    const marks = othersMarks(record, me);
    const ascending = (a: number, b: number) => a - b;
    this.delivered = marks.map((row) => Math.max(row.deliveredSeq, row.readSeq)).sort(ascending);
    this.read = marks.map((row) => row.readSeq).sort(ascending);
  }

  statusOf(seq: number): Pick<Message, "status" | "deliveredTo" | "readBy"> {
    const deliveredTo = countFrom(this.delivered, seq);
    const readBy = countFrom(this.read, seq);
    const all = this.delivered.length;
    const reached: MessageStatus = readBy === all ? "read" : deliveredTo === all ? "delivered" : "sent";
    return { status: all === 0 ? "sent" : reached, deliveredTo, readBy };
  }
}

const NO_PIN = { pinned: false, pinnedUntil: null } as const;
const NOTHING = {
  content: "",
  attachment: null,
  contentKind: "text",
  replyTo: null,
  mentions: [],
  forwarded: null,
  reactions: [],
  ...NO_PIN,
} as const;

function withAct(message: Message, { act, createdAt }: ActRecord, me: string): Message {
  if (message.deleted) return message;
  switch (act.kind) {
    case "edit":
      return { ...message, content: act.content, mentions: act.mentions ?? [], editedAt: createdAt, changing: true };
    case "delete":
      return { ...message, ...NOTHING, editedAt: null, deleted: true, changing: true };
    case "react": {
      const reactions = withOwnReaction(message.reactions, me, act.emoji, act.on);
      return { ...message, reactions, changing: true };
    }
    case "star":
      return { ...message, starred: act.on, changing: true };
    case "pin":
      return { ...message, pinned: true, pinnedUntil: act.until, changing: true };
    case "unpin":
      return { ...message, ...NO_PIN, changing: true };
    case "hide":
    case "settings":
      return message;
  }
}

export class MessageViews {
  private readonly items = new Map<number, { entry: Entry; item: TimelineItem | null }>();
  private readonly pendings = new WeakMap<OutboxRecord, Message>();
  private readonly changing = new WeakMap<Message, { acts: readonly ActRecord[]; message: Message }>();
  private record: ConversationRecord | undefined;
  private summary: ReceiptSummary | undefined;
  private stars: ReadonlySet<string> | undefined;
  /** Members, and authors of the entries seen so far. */
  private readonly people = new Map<string, Person>();

  constructor(
    private readonly me: () => string,
    private readonly find: (id: string) => Entry | undefined = () => undefined,
    private readonly now: () => number = Date.now,
  ) {}

  clear(): void {
    this.items.clear();
    this.record = undefined;
  }

  /** Sets the state of the conversation for the calls that follow. */
  setRecord(record: ConversationRecord): void {
    const before = this.record;
    this.record = record;
    if (before?.hiddenSeqs !== record.hiddenSeqs) this.items.clear(); // quotes of these show nothing
    if (before?.stars !== record.stars) this.setStars(record.stars);
    const { participants } = record.conversation;
    const sameMembers = before?.conversation.participants === participants;
    if (before && sameMembers && before.receipts === record.receipts) return;
    this.summary = new ReceiptSummary(record, this.me());
    if (!sameMembers) {
      for (const { id, name, avatar } of participants) this.people.set(id, { id, name, avatar });
      this.items.clear();
      return;
    }
    for (const row of this.items.values()) if (row.item?.kind === "message") row.item = this.withStatus(row.item);
  }

  private setStars(stars: readonly string[] | undefined): void {
    this.stars = stars && new Set(stars);
    for (const row of this.items.values()) {
      if (row.item?.kind !== "message") continue;
      const starred = this.isStarred(row.entry);
      if (row.item.starred !== starred) row.item = { ...row.item, starred };
    }
  }

  /** `acts`: those that are not in the log yet. */
  item(entry: Entry, acts?: Acts): TimelineItem | null {
    const item = entry.hidden ? null : this.stored(entry);
    return item?.kind === "message" && acts ? this.changed(item, acts) : item;
  }

  private stored(entry: Entry): TimelineItem | null {
    const known = this.items.get(entry.seq);
    if (known?.entry === entry && !this.isPinOver(known.item)) return known.item;
    const item = entry.type === "message" ? this.message(entry) : this.event(entry);
    this.items.set(entry.seq, { entry, item });
    return item;
  }

  private isPinOver(item: TimelineItem | null): boolean {
    if (item?.kind !== "message" || !item.pinned) return false;
    return !shownPin(true, item.pinnedUntil, this.now()).pinned;
  }

  /** The message as the acts make it that are not in the log yet. */
  changed(message: Message, acts: Acts): Message | null {
    const pending = acts.on(message.key);
    if (pending.length === 0) return message;
    if (pending.some(({ act }) => act.kind === "hide")) return null;
    const known = this.changing.get(message);
    const isKnown = known?.acts.length === pending.length && known.acts.every((act, index) => act === pending[index]);
    if (known && isKnown) return known.message;
    const changed = pending.reduce((before, act) => withAct(before, act, this.me()), message);
    this.changing.set(message, { acts: pending, message: changed });
    return changed;
  }

  /** The quote in a reply; one of a message that the user has deleted for themselves shows nothing. */
  private quote({ replyTo }: Entry): Quote | null {
    const isHidden = replyTo?.seq !== undefined && this.record?.hiddenSeqs?.includes(replyTo.seq);
    return quoteView(isHidden ? { id: replyTo.id, unavailable: true } : replyTo);
  }

  /** The message that an unsent one replies to, if it is at hand. */
  private quoted(id: string): Message | undefined {
    const entry = this.find(id);
    return entry && this.message(entry);
  }

  private withStatus(message: Message): Message {
    if (!message.mine || !this.summary || message.seq === null) return message;
    const now = this.summary.statusOf(message.seq);
    const isSame =
      now.status === message.status && now.deliveredTo === message.deliveredTo && now.readBy === message.readBy;
    return isSame ? message : { ...message, ...now };
  }

  private isStarred({ id, deleted, starred }: Entry): boolean {
    return !deleted && (this.stars?.has(id) ?? starred ?? false);
  }

  private person(person: Person): Person {
    const known = this.people.get(person.id);
    if (!known) this.people.set(person.id, person);
    return known ?? person;
  }

  private message(entry: Entry): Message {
    const sender = this.person(author(entry));
    const mine = sender.id === this.me();
    return this.withStatus({
      kind: "message",
      key: mine ? entry.clientMsgId : entry.id,
      id: entry.id,
      conversationId: entry.conversationId,
      seq: entry.seq,
      clientMsgId: entry.clientMsgId,
      content: entry.content ?? "",
      attachment: entry.attachment ?? null,
      contentKind: contentKind(entry.attachment ?? null),
      sender,
      replyTo: this.quote(entry),
      mentions: entry.mentions ?? [],
      forwarded: entry.forwarded ? { hops: entry.forwarded.hops } : null,
      mine,
      createdAt: entry.createdAt,
      editedAt: entry.editedAt ?? null,
      deleted: entry.deleted ?? false,
      reactions: shownReactions(entry.reactions, this.me()),
      starred: this.isStarred(entry),
      ...shownPin(entry.pinned ?? false, entry.pinnedUntil ?? null, this.now()),
      changing: false,
      status: "sent",
      deliveredTo: 0,
      readBy: 0,
    });
  }

  /** Null for types that this version does not know. */
  private event(entry: Entry): ConversationEvent | null {
    const change = this.change(entry);
    if (!change) return null;
    const { id, conversationId, seq, createdAt } = entry;
    return { kind: "event", key: id, id, conversationId, seq, createdAt, actor: this.person(author(entry)), change };
  }

  private change(entry: Entry): Change | null {
    const given = (entry.change ?? {}) as Record<string, never>;
    const name = (userId: string) => this.people.get(userId)?.name ?? null;
    switch (entry.type) {
      case "member_added": {
        const members = (given.members ?? []) as Person[];
        return { type: "member_added", members: members.map(({ id, name, avatar }) => ({ id, name, avatar })) };
      }
      case "member_removed":
      case "member_left": {
        const { user: gone } = given as { user?: Person };
        return { type: entry.type, userId: given.userId ?? "", name: gone?.name ?? null };
      }
      case "role_changed": {
        const roles = (given.roles ?? []) as { userId: string; role: Role }[];
        return { type: "role_changed", roles: roles.map((row) => ({ ...row, name: name(row.userId) })) };
      }
      case "conversation_changed":
        return { type: "conversation_changed", ...(given as object) };
      default:
        return null;
    }
  }

  pending(row: OutboxRecord, user: User | null): Message {
    const known = this.pendings.get(row);
    if (known) return known;
    const message: Message = {
      kind: "message",
      key: row.clientMsgId,
      id: row.entry?.id ?? null,
      conversationId: row.conversationId,
      seq: row.entry?.seq ?? null,
      clientMsgId: row.clientMsgId,
      content: row.content,
      attachment: row.attachment,
      contentKind: contentKind(row.attachment),
      sender: { id: user?.id ?? "", name: user?.name ?? "", avatar: user?.avatar ?? null },
      replyTo: row.replyTo === undefined ? null : quoteOf(row.replyTo, this.quoted(row.replyTo)),
      mentions: row.mentions ?? [],
      forwarded: row.forward ? { hops: row.forward.hops } : null,
      mine: true,
      createdAt: row.entry?.createdAt ?? row.createdAt,
      editedAt: null,
      deleted: false,
      reactions: [],
      starred: false,
      ...NO_PIN,
      changing: false,
      status: row.state,
      deliveredTo: 0,
      readBy: 0,
      ...(row.error && { error: new ChatError(row.error) }),
    };
    this.pendings.set(row, message);
    return message;
  }
}
