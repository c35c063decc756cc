/** Pure functions that apply entries, sync answers and receipts to the record of a conversation. */
import { type ConversationRecord, type Marks, type Range, withoutRange, withRange } from "./records.js";
import { author, type Entry, type SyncedConversation, type WireConversation, type WireMember } from "./wire.js";

export const NO_MARKS: Marks = { deliveredSeq: 0, readSeq: 0 };

/** The marks of one user. Own keys only: an id may equal the name of an inherited property. */
export function marksOf(receipts: ConversationRecord["receipts"], userId: string): Marks {
  return Object.hasOwn(receipts, userId) ? (receipts[userId] ?? NO_MARKS) : NO_MARKS;
}

/** The record of a conversation of which no entries are stored yet. Its local log begins after its head. */
export function newRecord(conversation: WireConversation): ConversationRecord {
  const { head, firstSeq } = conversation;
  return {
    id: conversation.id,
    conversation,
    cursor: head.seq,
    cursorHash: head.hash,
    headMseq: head.mseq,
    headSeq: head.seq,
    firstSeq,
    ranges: [],
    receipts: {},
    readSeq: conversation.readSeq,
    readMseq: conversation.readMseq,
    untoldRead: 0,
    hidden: false,
    isMember: true,
    lastMessage: conversation.lastMessage,
    updatedAt: conversation.updatedAt,
  };
}

/** The record after the user joined the conversation, perhaps for a second time. */
export function rejoinedRecord(record: ConversationRecord, conversation: WireConversation): ConversationRecord {
  if (record.isMember && conversation.head.seq <= record.cursor) return record;
  const fresh = newRecord(conversation);
  const { receipts, untoldRead } = record;
  const ranges = withoutRange(record.ranges, [0, conversation.firstSeq - 1]);
  return { ...fresh, ranges, receipts, untoldRead };
}

/** Applies the entry that follows the cursor. */
export function withEntry(record: ConversationRecord, entry: Entry, me: string): ConversationRecord {
  const isOwn = author(entry).id === me;
  const next: ConversationRecord = {
    ...record,
    cursor: entry.seq,
    cursorHash: entry.hash,
    headSeq: Math.max(record.headSeq, entry.seq),
    headMseq: Math.max(record.headMseq, entry.mseq),
    ranges: withRange(record.ranges, [entry.seq, entry.seq]),
    conversation: withChange(record.conversation, entry),
    receipts: { ...record.receipts, ...authorMarks(record, entry) },
    updatedAt: entry.createdAt,
  };
  const read = isOwn ? withRead(next, entry.seq, entry.mseq) : next;
  if (entry.type === "message") return withMessage(read, entry);
  return { ...read, isMember: isMemberAfter(record.isMember, entry, me) };
}

/** The author of an entry has read everything before it. */
function authorMarks(record: ConversationRecord, entry: Entry): Record<string, Marks> {
  const { id } = author(entry);
  const before = marksOf(record.receipts, id);
  return { [id]: largerMarks(before, { deliveredSeq: entry.seq, readSeq: entry.seq }) };
}

function withMessage(record: ConversationRecord, entry: Entry): ConversationRecord {
  const lastMessage = {
    seq: entry.seq,
    content: entry.content ?? "",
    attachment: entry.attachment ?? null,
    senderId: author(entry).id,
    createdAt: entry.createdAt,
  };
  return { ...record, lastMessage, hidden: false };
}

function isMemberAfter(before: boolean, entry: Entry, me: string): boolean {
  const change = entry.change ?? {};
  if (entry.type === "member_removed" || entry.type === "member_left") return before && change.userId !== me;
  if (entry.type !== "member_added") return before;
  return before || ((change.members ?? []) as WireMember[]).some((member) => member.id === me);
}

/** The number of members. Records of older versions lack the count, but name all members. */
export function memberCount({ participants, participantCount }: WireConversation): number {
  return Math.max(participants.length, participantCount ?? 0);
}

/** False for a large group of which lists and syncs named only some members. */
export function hasAllMembers(conversation: WireConversation): boolean {
  return conversation.participants.length >= memberCount(conversation);
}

/** Takes over all members as of the answer's head. Applying an entry a second time changes nothing. */
export function withMembers(record: ConversationRecord, whole: WireConversation): ConversationRecord {
  if (whole.head.seq < record.cursor || !hasAllMembers(whole)) return record; // outdated: it will be loaded again
  const { participants, participantCount } = whole;
  return { ...record, conversation: { ...record.conversation, participants, participantCount } };
}

function withChange(conversation: WireConversation, entry: Entry): WireConversation {
  const next = withChangedMembers(conversation, entry);
  if (next === conversation) return conversation;
  return {
    ...next,
    participantCount: hasAllMembers(conversation) ? next.participants.length : countAfter(conversation, entry),
  };
}

/** The member count after the entry, where only some members are named. */
function countAfter(conversation: WireConversation, entry: Entry): number {
  const count = memberCount(conversation);
  if (entry.type === "member_added") return count + ((entry.change?.members ?? []) as WireMember[]).length;
  return entry.type === "member_removed" || entry.type === "member_left" ? count - 1 : count;
}

function withChangedMembers(conversation: WireConversation, entry: Entry): WireConversation {
  const change = entry.change ?? {};
  const { participants } = conversation;
  switch (entry.type) {
    case "member_added": {
      const members = (change.members ?? []) as WireMember[];
      const ids = new Set(members.map((member) => member.id));
      return { ...conversation, participants: [...participants.filter((member) => !ids.has(member.id)), ...members] };
    }
    case "member_removed":
    case "member_left":
      return { ...conversation, participants: participants.filter((member) => member.id !== change.userId) };
    case "role_changed": {
      const roles = new Map(
        ((change.roles ?? []) as { userId: string; role: WireMember["role"] }[]).map((row) => [row.userId, row.role]),
      );
      const withRole = (member: WireMember) => ({ ...member, role: roles.get(member.id) ?? member.role });
      return { ...conversation, participants: participants.map(withRole) };
    }
    case "conversation_changed":
      return { ...conversation, ...(change as Partial<Pick<WireConversation, "name" | "avatar" | "history">>) };
    default:
      return conversation;
  }
}

/** Applies everything in a sync but its entries, which have been applied before unless `limited`. */
export function withSynced(record: ConversationRecord, synced: SyncedConversation): ConversationRecord {
  let next = record;
  if (synced.conversation) {
    const { conversation } = synced;
    const { lastMessage, updatedAt } = conversation;
    next = { ...next, conversation, lastMessage, updatedAt, isMember: true };
  }
  if (synced.limited) next = withNewest(next, synced);
  next = withFirst(next, synced.firstSeq);
  for (const row of synced.receipts) next = withReceipt(next, row.userId, row);
  next = withRead(next, synced.readSeq, synced.readMseq);
  return {
    ...next,
    hidden: synced.hidden,
    headSeq: Math.max(next.headSeq, synced.head.seq),
    headMseq: Math.max(next.headMseq, synced.head.mseq),
  };
}

/** The newest entries, with a gap between them and the entries that were known before. */
function withNewest(record: ConversationRecord, { entries, head }: SyncedConversation): ConversationRecord {
  const first = entries[0];
  const last = entries.at(-1);
  const ranges = first && last ? withRange(record.ranges, [first.seq, last.seq]) : record.ranges;
  const end = last ?? head;
  if (end.seq < record.cursor) return { ...record, ranges };
  return { ...record, ranges, cursor: end.seq, cursorHash: end.hash };
}

/** Hides everything before `firstSeq`. */
export function withFirst(record: ConversationRecord, firstSeq: number): ConversationRecord {
  if (firstSeq === record.firstSeq) return record;
  const hidden: Range = [0, firstSeq - 1];
  const isBehind = record.cursor < firstSeq - 1;
  return {
    ...record,
    firstSeq,
    ranges: withoutRange(record.ranges, hidden),
    ...(isBehind && { cursor: firstSeq - 1, cursorHash: null }),
    ...(record.lastMessage && record.lastMessage.seq < firstSeq && { lastMessage: null }),
  };
}

export function withReceipt(record: ConversationRecord, userId: string, marks: Marks): ConversationRecord {
  const before = marksOf(record.receipts, userId);
  const after = largerMarks(before, marks);
  if (after === before) return record;
  return { ...record, receipts: { ...record.receipts, [userId]: after } };
}

function largerMarks(before: Marks, given: Marks): Marks {
  if (given.deliveredSeq <= before.deliveredSeq && given.readSeq <= before.readSeq) return before;
  return {
    deliveredSeq: Math.max(before.deliveredSeq, given.deliveredSeq, given.readSeq),
    readSeq: Math.max(before.readSeq, given.readSeq),
  };
}

/** Moves the user's own read mark forward, never back. */
export function withRead(record: ConversationRecord, seq: number, mseq: number): ConversationRecord {
  if (seq < record.readSeq || (seq === record.readSeq && mseq <= record.readMseq)) return record;
  return { ...record, readSeq: seq, readMseq: Math.max(mseq, record.readMseq) };
}

export function unreadCount(record: ConversationRecord): number {
  return record.isMember ? Math.max(0, record.headMseq - record.readMseq) : 0;
}

/** Takes over the changed name, avatar or address of a member. */
export function withProfile(
  record: ConversationRecord,
  profile: { id: string; name: string; avatar: string | null; email?: string },
): ConversationRecord {
  const { participants } = record.conversation;
  const before = participants.find((member) => member.id === profile.id);
  const after = before && { ...before, ...profile };
  if (
    !before ||
    !after ||
    (before.name === after.name && before.avatar === after.avatar && before.email === after.email)
  ) {
    return record;
  }
  const replaced = participants.map((member) => (member.id === profile.id ? after : member));
  return { ...record, conversation: { ...record.conversation, participants: replaced } };
}
