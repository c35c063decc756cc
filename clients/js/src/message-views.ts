/** Turns entries and outgoing messages into the items that apps show; an item is made again only if it changes. */
import { hasAllMembers, marksOf, memberCount, NO_MARKS } from "./conversation-record.js";
import { ChatError } from "./errors.js";
import type { ConversationRecord, Marks, OutboxRecord } from "./records.js";
import type { Change, ConversationEvent, Message, MessageStatus, Role, TimelineItem, User } from "./types.js";
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

export class MessageViews {
  private readonly items = new Map<number, { entry: Entry; item: TimelineItem | null }>();
  private readonly pendings = new WeakMap<OutboxRecord, Message>();
  private record: ConversationRecord | undefined;
  private summary: ReceiptSummary | undefined;
  /** Members, and authors of the entries seen so far. */
  private readonly people = new Map<string, Person>();

  constructor(private readonly me: () => string) {}

  clear(): void {
    this.items.clear();
    this.record = undefined;
  }

  /** Sets the state of the conversation for the calls that follow. */
  setRecord(record: ConversationRecord): void {
    const before = this.record;
    this.record = record;
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

  item(entry: Entry): TimelineItem | null {
    const known = this.items.get(entry.seq);
    if (known?.entry === entry) return known.item;
    const item = entry.type === "message" ? this.message(entry) : this.event(entry);
    this.items.set(entry.seq, { entry, item });
    return item;
  }

  private withStatus(message: Message): Message {
    if (!message.mine || !this.summary || message.seq === null) return message;
    const now = this.summary.statusOf(message.seq);
    const isSame =
      now.status === message.status && now.deliveredTo === message.deliveredTo && now.readBy === message.readBy;
    return isSame ? message : { ...message, ...now };
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
      sender,
      mine,
      createdAt: entry.createdAt,
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
      sender: { id: user?.id ?? "", name: user?.name ?? "", avatar: user?.avatar ?? null },
      mine: true,
      createdAt: row.entry?.createdAt ?? row.createdAt,
      status: row.state,
      deliveredTo: 0,
      readBy: 0,
      ...(row.error && { error: new ChatError(row.error) }),
    };
    this.pendings.set(row, message);
    return message;
  }
}
