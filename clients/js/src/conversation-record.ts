/** Pure functions that apply entries, sync answers and receipts to the record of a conversation. */
import { messageChange } from "./message-changes.js";
import { isHidden, ownOf, withOwn } from "./own-state.js";
import { type ConversationRecord, type Marks, type Range, withoutRange, withRange } from "./records.js";
import type { Mention } from "./types/messages.js";
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
    conversation: described(conversation),
    cursor: head.seq,
    cursorHash: head.hash,
    headMseq: head.mseq,
    headSeq: head.seq,
    firstSeq,
    ranges: [],
    receipts: {},
    readSeq: conversation.readSeq,
    readMseq: conversation.readMseq,
    deletedMseqs: conversation.deletedMseqs,
    mentionMseqs: conversation.mentionMseqs ?? [],
    ...ownOf(conversation),
    untoldRead: 0,
    hidden: false,
    isMember: true,
    lastMessage: conversation.lastMessage,
    updatedAt: conversation.updatedAt,
  };
}

/** The description without the last message: the record has that, and its text may be taken away. */
function described(conversation: WireConversation): WireConversation {
  return { ...conversation, lastMessage: null };
}

/** The record after the user joined the conversation, perhaps for a second time. */
export function rejoinedRecord(record: ConversationRecord, conversation: WireConversation): ConversationRecord {
  if (record.isMember && conversation.head.seq <= record.cursor) return record;
  const fresh = newRecord(conversation);
  const { receipts, untoldRead } = record;
  const ranges = withoutRange(record.ranges, [0, conversation.firstSeq - 1]);
  const { settings, settingsVersion, stars, starsVersion, draft, draftVersion, hiddenSeqs } = record;
  const known = withOwn({ ...fresh, ranges, receipts, untoldRead }, { version: settingsVersion, settings, hiddenSeqs });
  return withOwn(withOwn(known, { version: starsVersion, stars }), { version: draftVersion, draft });
}

/** Applies the entry that follows the cursor. */
export function withEntry(record: ConversationRecord, entry: Entry, me: string): ConversationRecord {
  const moved: ConversationRecord = {
    ...record,
    cursor: entry.seq,
    cursorHash: entry.hash,
    headSeq: Math.max(record.headSeq, entry.seq),
    headMseq: Math.max(record.headMseq, entry.mseq),
    ranges: withRange(record.ranges, [entry.seq, entry.seq]),
  };
  if (messageChange(entry)) return withChangedMessage(moved, entry, me);
  const isOwn = author(entry).id === me;
  const next: ConversationRecord = {
    ...moved,
    conversation: withChange(record.conversation, entry),
    receipts: { ...record.receipts, ...authorMarks(record, entry) },
    updatedAt: entry.createdAt,
  };
  const read = isOwn ? withRead(next, entry.seq, entry.mseq) : next;
  if (entry.type === "message") return withMention(withMessage(read, entry), entry.mseq, entry.mentions, me);
  return { ...read, isMember: isMemberAfter(record.isMember, entry, me) };
}

/** Applies an entry that changes a message: none moves the conversation up, nor counts as a message. */
function withChangedMessage(before: ConversationRecord, entry: Entry, me: string): ConversationRecord {
  const change = messageChange(entry);
  if (!change) return before;
  const record = withChangedMention(before, entry, me);
  const next =
    entry.type === "message_deleted" ? { ...record, deletedMseqs: withDeleted(record, [change.targetMseq]) } : record;
  const { lastMessage } = record;
  if (lastMessage?.seq !== change.targetSeq || lastMessage.deleted) return next;
  if (entry.type === "message_deleted") {
    return { ...next, lastMessage: { ...lastMessage, content: "", attachment: null, deleted: true } };
  }
  return entry.type !== "message_edited" || change.withheld
    ? next
    : { ...next, lastMessage: { ...lastMessage, content: change.content ?? "" } };
}

function withChangedMention(record: ConversationRecord, entry: Entry, me: string): ConversationRecord {
  const change = messageChange(entry);
  if (!change || change.withheld || entry.type === "reaction") return record;
  return withMention(record, change.targetMseq, change.mentions, me);
}

/** Whether a message mentions the user: one text takes the place of the other. */
function withMention(
  record: ConversationRecord,
  mseq: number,
  mentions: readonly Mention[] | undefined,
  me: string,
): ConversationRecord {
  const others = (record.mentionMseqs ?? []).filter((known) => known !== mseq && known > record.readMseq);
  const isNamed = mentions?.some(({ userId }) => userId === me || userId === "everyone");
  return { ...record, mentionMseqs: isNamed ? [...others, mseq] : others };
}

/** Takes over the mentions as of an answer, unless entries after it are here already. */
function withMentionsAt(record: ConversationRecord, { head, mentionMseqs }: SyncedConversation): ConversationRecord {
  if (record.cursor > head.seq) return record;
  const later = (record.mentionMseqs ?? []).filter((mseq) => mseq > head.mseq);
  return { ...record, mentionMseqs: [...(mentionMseqs ?? []), ...later] };
}

/** The known deleted messages and these, as far as they are not below the read mark. */
function withDeleted(record: ConversationRecord, added: readonly number[]): readonly number[] {
  return [...new Set([...(record.deletedMseqs ?? []), ...added])].filter((mseq) => mseq > record.readMseq);
}

/** The author of an entry has read everything before it. */
function authorMarks(record: ConversationRecord, entry: Entry): Record<string, Marks> {
  const { id } = author(entry);
  const before = marksOf(record.receipts, id);
  return { [id]: largerMarks(before, { deliveredSeq: entry.seq, readSeq: entry.seq }) };
}

function withMessage(record: ConversationRecord, entry: Entry): ConversationRecord {
  if (isHidden(record, entry)) return { ...record, hidden: false };
  const lastMessage = {
    id: entry.id,
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
      return {
        ...conversation,
        ...(change as Partial<Pick<WireConversation, "name" | "avatar" | "history" | "whoMayPin">>),
      };
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
    next = withOwn(
      { ...next, conversation: described(conversation), lastMessage, updatedAt, isMember: true },
      conversation.own,
    );
  }
  if (synced.own) next = withOwn(next, synced.own);
  if (synced.changedBeforeGap) next = { ...next, ranges: [] };
  if (synced.limited) next = withNewest(next, synced);
  next = withFirst(next, synced.firstSeq);
  for (const row of synced.receipts) next = withReceipt(next, row.userId, row);
  next = withMentionsAt(withRead(next, synced.readSeq, synced.readMseq), synced);
  return {
    ...next,
    deletedMseqs: withDeleted(next, synced.deletedMseqs ?? []),
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
  if (!record.isMember) return 0;
  const deleted = (record.deletedMseqs ?? []).filter((mseq) => mseq > record.readMseq);
  return Math.max(0, record.headMseq - record.readMseq - deleted.length);
}

export function mentionCount(record: ConversationRecord): number {
  if (!record.isMember) return 0;
  const deleted = new Set(record.deletedMseqs);
  return (record.mentionMseqs ?? []).filter((mseq) => mseq > record.readMseq && !deleted.has(mseq)).length;
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
