/** What is kept on the device, by key. Each record is replaced as a whole and never changed in place. */
import type { ErrorDescription } from "./errors.js";
import type { Entry, WireConversation } from "./wire.js";

/** Seqs from..to, both included, without a hole. */
export type Range = readonly [from: number, to: number];

export interface Marks {
  readonly deliveredSeq: number;
  readonly readSeq: number;
}

export interface ConversationRecord {
  readonly id: string;
  /** As the server last described it, brought forward by the entries since. */
  readonly conversation: WireConversation;
  /** How far the log is here without a hole, and the entry's hash and mseq there. */
  readonly cursor: number;
  readonly cursorHash: string | null;
  /** Messages up to the newest entry that is known of. */
  readonly headMseq: number;
  readonly headSeq: number;
  /** The first entry that the user may see. */
  readonly firstSeq: number;
  /** Which entries are stored, ascending; the last range ends at the cursor. */
  readonly ranges: readonly Range[];
  readonly receipts: Readonly<Record<string, Marks>>;
  readonly readSeq: number;
  readonly readMseq: number;
  /** A read mark that the server has not confirmed yet. */
  readonly untoldRead: number;
  readonly hidden: boolean;
  readonly isMember: boolean;
  readonly lastMessage: LastMessage | null;
  readonly updatedAt: string;
}

export interface LastMessage {
  readonly seq: number;
  readonly content: string;
  readonly attachment: string | null;
  readonly senderId: string;
  readonly createdAt: string;
}

export interface OutboxRecord {
  /** Sorts as it was written. */
  readonly order: string;
  readonly clientMsgId: string;
  readonly conversationId: string;
  readonly content: string;
  readonly attachment: string | null;
  readonly createdAt: string;
  /** `sent` until the entry itself is in the log here. */
  readonly state: "sending" | "failed" | "sent";
  /** Whether it may have reached the server. */
  readonly attempted: boolean;
  readonly error?: ErrorDescription;
  /** The acknowledged entry. */
  readonly entry?: Entry;
}

export interface SyncRecord {
  readonly epoch: string;
  readonly since: string | null;
}

export const key = {
  conversation: (id: string) => `c/${id}`,
  outbox: (order: string) => `o/${order}`,
  draft: (id: string) => `d/${id}`,
  contacts: "contacts",
  privacy: "privacy",
  limits: "limits",
  sync: "sync",
} as const;

/** Adds a range to ascending ranges that do not touch, and keeps them so. */
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

/** Takes a part out of ranges. */
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
