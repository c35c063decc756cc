/** The user's private state in a conversation: mute, archive, pin, mark as unread (docs/protocol.md, section 13). */
import type { Acts } from "./acts.js";
import type { ActRecord, ConversationRecord, LastMessage } from "./records.js";
import type { Conversation, MuteOptions, SettingsChanges } from "./types/conversations.js";
import type { Entry, WireConversation, WireDraft, WireSettings } from "./wire.js";

const FOR_EVER = "9999-12-31T00:00:00.000Z";
const NO_SETTINGS: WireSettings = {
  mutedUntil: null,
  muteMentions: false,
  archived: false,
  archivedMseq: null,
  pinned: false,
  pinnedAt: null,
  markedUnread: false,
  markedUnreadSeq: null,
};

/** The fields of a new record. Earlier servers do not give them. */
export function ownOf({ own }: WireConversation): Partial<ConversationRecord> {
  if (!own) return {};
  const { version, settings, stars, draft, hiddenSeqs } = own;
  const versions = { settingsVersion: version, starsVersion: version, draftVersion: version };
  return { settings, stars, draft, hiddenSeqs, ...versions };
}

interface GivenOwn {
  readonly version?: number | undefined;
  readonly settings?: WireSettings | undefined;
  readonly hiddenSeqs?: readonly number[] | undefined;
  readonly deletedMseqs?: readonly number[] | undefined;
  readonly lastMessage?: LastMessage | null | undefined;
  readonly stars?: readonly string[] | undefined;
  readonly draft?: WireDraft | null | undefined;
}

/** Takes over private state, unless a later version of it is known. */
export function withOwn(record: ConversationRecord, own: GivenOwn = {}): ConversationRecord {
  const { version = 0, settings, stars, draft } = own;
  let next = withHidden(record, own);
  if (stars && version >= (next.starsVersion ?? 0)) next = { ...next, stars, starsVersion: version };
  if (draft !== undefined && version >= (next.draftVersion ?? 0)) next = { ...next, draft, draftVersion: version };
  if (!settings || version < (next.settingsVersion ?? 0)) return next;
  return { ...next, settings, settingsVersion: version };
}

/** Stars a message, or takes the star back. */
export function withStar(record: ConversationRecord, messageId: string, on: boolean): ConversationRecord {
  const others = (record.stars ?? []).filter((id) => id !== messageId);
  return { ...record, stars: on ? [...others, messageId] : others };
}

/** Takes over messages that the user has deleted for themselves. What is hidden stays so. */
function withHidden(record: ConversationRecord, own: GivenOwn): ConversationRecord {
  const { hiddenSeqs = [], deletedMseqs = [], lastMessage } = own;
  const added = hiddenSeqs.filter((seq) => !record.hiddenSeqs?.includes(seq));
  const isLast = record.lastMessage !== null && hiddenSeqs.includes(record.lastMessage.seq);
  if (added.length === 0 && (!isLast || lastMessage === undefined)) return record;
  const read = [...new Set([...(record.deletedMseqs ?? []), ...deletedMseqs])];
  return {
    ...record,
    hiddenSeqs: [...(record.hiddenSeqs ?? []), ...added],
    deletedMseqs: read.filter((mseq) => mseq > record.readMseq),
    ...(isLast && lastMessage !== undefined && { lastMessage }),
  };
}

/** Whether the user has deleted this message for themselves. */
export function isHidden(record: ConversationRecord | undefined, { seq, hidden }: Entry): boolean {
  return hidden === true || (record?.hiddenSeqs?.includes(seq) ?? false);
}

/** A stored message without what the user has deleted for themselves. */
export function withoutContent(message: Entry): Entry {
  const { editedAt: _, edits: __, replyTo: ___, mentions: ____, forwarded: _____, ...rest } = message;
  return { ...rest, content: "", attachment: null, hidden: true };
}

/** Whether the user has marked it as unread, and has not read since. */
export function isMarkedUnread({ settings, readSeq }: ConversationRecord): boolean {
  const marked = settings?.markedUnreadSeq ?? null;
  return marked !== null && readSeq <= marked;
}

/** The record with the settings as these acts make them, which the server has not acknowledged. */
export function withSettingsActs(record: ConversationRecord, acts: readonly ActRecord[]): ConversationRecord {
  let settings = record.settings ?? NO_SETTINGS;
  for (const { act, createdAt } of acts) {
    if (act.kind === "settings") settings = withChanges(settings, act.changes, createdAt, record);
  }
  return acts.length === 0 ? record : { ...record, settings };
}

function withChanges(
  settings: WireSettings,
  { mutedUntil, muteMentions, archived, pinned, markedUnread }: SettingsChanges,
  at: string,
  { headMseq, readSeq }: ConversationRecord,
): WireSettings {
  return {
    ...settings,
    ...(mutedUntil !== undefined && { mutedUntil }),
    ...(muteMentions !== undefined && { muteMentions }),
    ...(archived !== undefined && { archivedMseq: archived ? headMseq : null }),
    ...(pinned !== undefined && { pinnedAt: pinned ? (settings.pinnedAt ?? at) : null }),
    ...(markedUnread !== undefined && { markedUnreadSeq: markedUnread ? readSeq : null }),
  };
}

type Settings = Pick<
  Conversation,
  "mutedUntil" | "isMuted" | "muteMentions" | "isArchived" | "pinnedAt" | "isMarkedUnread"
>;

/** The settings as they are now: some end with a message, with a read, or with time. */
export function settingsOf(record: ConversationRecord, now: number): Settings {
  const { settings, headMseq } = record;
  const mutedUntil = settings?.mutedUntil ?? null;
  const isMuted = mutedUntil !== null && Date.parse(mutedUntil) > now;
  const archivedMseq = settings?.archivedMseq ?? null;
  return {
    mutedUntil: isMuted ? mutedUntil : null,
    isMuted,
    muteMentions: settings?.muteMentions ?? false,
    isArchived: archivedMseq !== null && (headMseq <= archivedMseq || isMuted),
    pinnedAt: settings?.pinnedAt ?? null,
    isMarkedUnread: isMarkedUnread(record),
  };
}

/** Changes the user's settings of a conversation, at once. */
export class OwnSettings {
  constructor(private readonly acts: Acts) {}

  mute(conversationId: string, until: Date | "forever" | null, { mentions }: MuteOptions = {}): Promise<void> {
    const mutedUntil = until === "forever" ? FOR_EVER : (until?.toISOString() ?? null);
    return this.change(conversationId, { mutedUntil, ...(mentions !== undefined && { muteMentions: mentions }) });
  }

  change(conversationId: string, changes: SettingsChanges): Promise<void> {
    return this.acts.add({ key: conversationId, id: null, conversationId }, { kind: "settings", changes });
  }
}
