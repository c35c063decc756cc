/** The records stored on the device, by key. Each is replaced as a whole and never changed in place. */
import type { ErrorDescription } from "./errors.js";
import type { Act, Mention } from "./types/messages.js";
import type { Entry, WireConversation, WireDraft, WireSettings } from "./wire.js";

/** Seqs from..to, both included, without a gap. */
export type Range = readonly [from: number, to: number];

export interface Marks {
  readonly deliveredSeq: number;
  readonly readSeq: number;
}

export interface ConversationRecord {
  readonly id: string;
  /** The last description from the server, with the entries since applied. */
  readonly conversation: WireConversation;
  /** The last entry up to which this device has the log without a gap, and that entry's hash. */
  readonly cursor: number;
  readonly cursorHash: string | null;
  /** The number of messages up to the newest known entry. */
  readonly headMseq: number;
  readonly headSeq: number;
  /** The first entry that the user may see. */
  readonly firstSeq: number;
  /** The entries that are stored, ascending; the last range ends at the cursor. */
  readonly ranges: readonly Range[];
  readonly receipts: Readonly<Record<string, Marks>>;
  readonly readSeq: number;
  readonly readMseq: number;
  /** Deleted messages above `readMseq`, which are not unread; missing in records of older versions. */
  readonly deletedMseqs?: readonly number[];
  /** Messages that mention the user, those above `readMseq` among them; missing in records of older versions. */
  readonly mentionMseqs?: readonly number[];
  /** A read mark that the server has not confirmed yet. */
  readonly untoldRead: number;
  /** The user's own settings; missing in records of older versions. */
  readonly settings?: WireSettings;
  /** The version of the private state with which the settings came. */
  readonly settingsVersion?: number;
  /** The user's unsent text as the server has it, and the version of the private state with which it came. */
  readonly draft?: WireDraft | null;
  readonly draftVersion?: number;
  /** The ids of the messages that the user has starred, and the version of the private state with which they came. */
  readonly stars?: readonly string[];
  readonly starsVersion?: number;
  /** Messages that the user has deleted for themselves. */
  readonly hiddenSeqs?: readonly number[];
  readonly hidden: boolean;
  readonly isMember: boolean;
  readonly lastMessage: LastMessage | null;
  readonly updatedAt: string;
}

export interface LastMessage {
  /** Missing in records of older versions. */
  readonly id?: string;
  readonly seq: number;
  readonly content: string;
  readonly attachment: string | null;
  readonly senderId: string;
  readonly createdAt: string;
  readonly deleted?: boolean;
}

export interface OutboxRecord {
  /** Sorts messages in the order in which they were written. */
  readonly order: string;
  readonly clientMsgId: string;
  readonly conversationId: string;
  readonly content: string;
  readonly attachment: string | null;
  /** The id of the message that it replies to. */
  readonly replyTo?: string;
  readonly mentions?: readonly Mention[];
  /** The id of the message that it is a copy of. Its text is here to be shown, and not sent. */
  readonly forward?: { readonly of: string; readonly hops: number };
  readonly createdAt: string;
  /** `sent` until the entry itself is in the log here. */
  readonly state: "sending" | "failed" | "sent";
  /** Whether the message may have reached the server. */
  readonly attempted: boolean;
  readonly error?: ErrorDescription;
  /** The acknowledged entry. */
  readonly entry?: Entry;
}

/** An act that the server has not acknowledged, or whose entry is not in the log here. */
export interface ActRecord {
  /** Sorts acts in the order in which they were made. */
  readonly order: string;
  readonly clientMsgId: string;
  readonly conversationId: string;
  /** The `key` of the message that it concerns; the id of the conversation whose settings it changes. */
  readonly messageKey: string;
  /** Null when the message was still unsent, and for settings. */
  readonly messageId: string | null;
  readonly act: Act;
  readonly createdAt: string;
  /** The place of the acknowledged entry. */
  readonly seq?: number;
  /** It was refused. */
  readonly error?: ErrorDescription;
}

/** The draft as the server has it, as far as this device knows. */
export interface SharedDraftRecord {
  /** The clientMsgId that its message will have. */
  readonly draftId: string;
  readonly told: string;
  /** The version of the private state that was taken over last. */
  readonly version: number;
}

export interface SyncRecord {
  readonly epoch: string;
  readonly since: string | null;
}

export const key = {
  conversation: (id: string) => `c/${id}`,
  outbox: (order: string) => `o/${order}`,
  act: (order: string) => `a/${order}`,
  draft: (id: string) => `d/${id}`,
  sharedDraft: (id: string) => `s/${id}`,
  contacts: "contacts",
  privacy: "privacy",
  limits: "limits",
  sync: "sync",
} as const;

/** Records that the tab in which they were made writes itself: the leading tab has nothing to add to them. */
export function isWrittenByAnyTab(recordKey: string | undefined): boolean {
  return recordKey !== undefined && /^(a|o|d)\/|^(contacts|privacy)$/.test(recordKey);
}

/** Bytes of the text in UTF-8. */
export function byteLength(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit >= 0x800 && (unit < 0xd800 || unit > 0xdfff)) bytes += 2;
    else if (unit >= 0x80) bytes += 1; // a pair of surrogates is 4 bytes
  }
  return bytes;
}

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isRange(value: unknown): boolean {
  return Array.isArray(value) && Number.isSafeInteger(value[0]) && Number.isSafeInteger(value[1]);
}

function isConversationRecord({ conversation, ranges, receipts, ...record }: Fields, id: string): boolean {
  const numbers = [record.cursor, record.headMseq, record.headSeq, record.firstSeq, record.readSeq, record.readMseq];
  return (
    record.id === id &&
    typeof record.updatedAt === "string" &&
    numbers.every(Number.isSafeInteger) &&
    Array.isArray(ranges) &&
    ranges.every(isRange) &&
    isObject(receipts) &&
    isObject(conversation) &&
    Array.isArray(conversation.participants) &&
    conversation.participants.every(isObject)
  );
}

function isOutboxRecord({ order, clientMsgId, conversationId, content, state }: Fields, name: string): boolean {
  const texts = [clientMsgId, conversationId, content, state];
  return order === name && texts.every((text) => typeof text === "string");
}

function isActRecord({ order, clientMsgId, conversationId, messageKey, act }: Fields, name: string): boolean {
  const texts = [clientMsgId, conversationId, messageKey];
  return order === name && texts.every((text) => typeof text === "string") && isObject(act);
}

/** Return whether a stored value has the shape of its record; another app, or a faulty device, may have written it. */
export function isValid(recordKey: string, value: unknown): boolean {
  const [kind = "", ...rest] = recordKey.split("/");
  const name = rest.join("/");
  switch (kind) {
    case "d":
      return typeof value === "string";
    case "c":
      return isObject(value) && isConversationRecord(value, name);
    case "a":
      return isObject(value) && isActRecord(value, name);
    case "o":
      return isObject(value) && isOutboxRecord(value, name);
    case key.sync:
      return isObject(value) && typeof value.epoch === "string";
    default:
      return isObject(value) || Array.isArray(value);
  }
}

export function isEntry(value: unknown): value is Entry {
  return isObject(value) && Number.isSafeInteger(value.seq) && typeof value.conversationId === "string";
}

/** Adds a range to ascending ranges that do not touch; the result is ascending and does not touch either. */
export function withRange(ranges: readonly Range[], added: Range): readonly Range[] {
  let [from, to] = added;
  if (from > to) return ranges;
  const before: Range[] = [];
  const after: Range[] = [];
  for (const range of ranges) {
    if (range[1] < from - 1) before.push(range);
    else if (range[0] > to + 1) after.push(range);
    else [from, to] = [Math.min(from, range[0]), Math.max(to, range[1])];
  }
  return [...before, [from, to], ...after];
}

/** Removes a range from ranges. */
export function withoutRange(ranges: readonly Range[], [from, to]: Range): readonly Range[] {
  return ranges.flatMap(([first, last]): Range[] => {
    const left: Range = [first, Math.min(last, from - 1)];
    const right: Range = [Math.max(first, to + 1), last];
    return [left, right].filter(([start, end]) => start <= end);
  });
}

export function rangeAt(ranges: readonly Range[], seq: number): Range | undefined {
  return ranges.find(([from, to]) => from <= seq && seq <= to);
}
