/**
 * The receive rule and sync (docs/protocol.md, sections 5 and 6): every entry once, in order, after any absence.
 *
 * Works on records alone, so that entries are stored together with the cursor that counts them.
 */
import {
  newRecord,
  rejoinedRecord,
  withEntry,
  withFirst,
  withMembers,
  withProfile,
  withRead,
  withReceipt,
  withSynced,
} from "./conversation-record.js";
import type { Base } from "./core.js";
import { ChatError } from "./errors.js";
import { messageChange, withoutDeleted } from "./message-changes.js";
import { Emitter } from "./observable.js";
import { withOwn, withoutContent, withStar } from "./own-state.js";
import { type ConversationRecord, key, type Range, type SyncRecord, withoutRange, withRange } from "./records.js";
import type { Entry, OwnChanged, Pushed, SyncBody, Synced, SyncedConversation, WireConversation } from "./wire.js";

/** Events for `effects.ts`. */
interface DeliveryEvents {
  /** Entries are missing: sync soon. */
  gap: undefined;
  /** Entries were applied; `isLive` when they have come just now. */
  applied: { readonly entries: readonly Entry[]; readonly isLive: boolean };
}

export type AskSync = (body: SyncBody) => Promise<Synced>;

/** Guards against a sync without end; a million missed entries take far fewer rounds. */
const MOST_ROUNDS = 5000;
const WIPED_AT_ONCE = 500;

export class Delivery {
  readonly events = new Emitter<DeliveryEvents>();
  private readonly early = new Map<string, Map<number, Entry>>();

  constructor(private readonly base: Pick<Base, "store" | "me">) {}

  /** Forgets the entries that came early: the user or the database has changed. */
  clear(): void {
    this.early.clear();
  }

  record(conversationId: string): ConversationRecord | undefined {
    return this.base.store.get<ConversationRecord>(key.conversation(conversationId));
  }

  private put(before: ConversationRecord | undefined, record: ConversationRecord): void {
    if (record !== before) this.base.store.put(key.conversation(record.id), record);
  }

  records(): ConversationRecord[] {
    return this.base.store.list<ConversationRecord>("c");
  }

  // -------------------------------------------------------------- live

  /** Takes an entry from a push, an acknowledgement or a sync, in whatever order they come. */
  receive(entry: Entry, isLive: boolean): void {
    const record = this.record(entry.conversationId);
    if (record && entry.seq <= record.cursor) return;
    this.keepEarly(entry);
    if (record) this.applyEarly(entry.conversationId, isLive);
    if (this.early.has(entry.conversationId)) this.events.emit("gap", undefined);
  }

  private keepEarly(entry: Entry): void {
    const waiting = this.early.get(entry.conversationId) ?? new Map<number, Entry>();
    this.early.set(entry.conversationId, waiting.set(entry.seq, entry));
  }

  /** Applies the early entries that now follow the cursor without a gap. */
  private applyEarly(conversationId: string, isLive: boolean): void {
    const waiting = this.early.get(conversationId);
    const record = this.record(conversationId);
    if (!waiting || !record) return;
    const applied: Entry[] = [];
    let next = record;
    for (;;) {
      const entry = waiting.get(next.cursor + 1);
      if (!entry) break;
      next = withEntry(next, entry, this.base.me());
      applied.push(entry);
    }
    for (const seq of waiting.keys()) if (seq <= next.cursor) waiting.delete(seq);
    if (waiting.size === 0) this.early.delete(conversationId);
    if (applied.length === 0) return;
    this.base.store.addEntries(conversationId, applied);
    this.put(record, next);
    for (const entry of applied) if (entry.type === "message_deleted") void this.wipe(entry);
    this.events.emit("applied", { entries: applied, isLive });
  }

  /** Takes the texts of a deleted message, and of its edits, out of the stored entries. */
  private async wipe(deletion: Entry): Promise<void> {
    const { conversationId, seq } = deletion;
    const first = messageChange(deletion)?.targetSeq ?? seq;
    for (let from = first; from < seq; from += WIPED_AT_ONCE) {
      const stored = await this.base.store.readEntries(conversationId, from, Math.min(seq, from + WIPED_AT_ONCE) - 1);
      const changed = stored.map((entry) => [entry, withoutDeleted(entry, deletion)] as const);
      const wiped = changed.flatMap(([before, after]) => (after === before ? [] : [after]));
      if (wiped.length > 0 && this.record(conversationId)) this.base.store.addEntries(conversationId, wiped);
    }
  }

  /** Adds a conversation that is new to this device, or that the user has joined again. */
  addConversation(conversation: WireConversation): ConversationRecord {
    const { isNew: _, ...plain } = conversation;
    const before = this.record(conversation.id);
    const record = before ? rejoinedRecord(before, plain) : newRecord(plain);
    this.put(before, record);
    this.applyEarly(conversation.id, true);
    return this.record(conversation.id) ?? record;
  }

  /** Takes over all members of a conversation of which only some were named. */
  setMembers(whole: WireConversation): void {
    const record = this.record(whole.id);
    if (record) this.put(record, withMembers(record, whole));
  }

  /** Moves the marks of a member, who may be the user. */
  async applyReceipt(receipt: Pushed["receipt"]): Promise<void> {
    const { conversationId, userId, readSeq } = receipt;
    const record = this.record(conversationId);
    if (!record) return;
    this.put(record, withReceipt(record, userId, receipt));
    if (userId === this.base.me() && readSeq > record.readSeq) await this.markRead(conversationId, readSeq);
  }

  /** The user has read up to `seq`, here or on another device. */
  async markRead(conversationId: string, seq: number): Promise<void> {
    const found = await this.mseqAt(conversationId, seq);
    const record = this.record(conversationId);
    if (!record || found === undefined) return;
    this.put(record, withRead(record, Math.min(seq, record.headSeq), found));
  }

  private async mseqAt(conversationId: string, seq: number): Promise<number | undefined> {
    const record = this.record(conversationId);
    if (!record || seq >= record.headSeq) return record?.headMseq;
    const [entry] = await this.base.store.readEntries(conversationId, seq, seq);
    return entry?.mseq;
  }

  /** Hides a conversation that the user deleted from their list, here or on another device. */
  hide(conversationId: string): void {
    const record = this.record(conversationId);
    if (!record) return;
    this.base.store.dropEntries(conversationId);
    const next = withFirst(record, record.cursor + 1);
    this.put(record, { ...withRead(next, next.headSeq, next.headMseq), hidden: true });
  }

  /** The user has changed their private state, here or on another device. */
  changeOwn(change: OwnChanged): void {
    const record = this.record(change.conversationId);
    if (!record) return;
    this.put(record, withOwn(record, change));
    void this.wipeHidden(record.id, change.hiddenSeqs);
  }

  /** The server has taken a star, or its end: it tells all stars next. */
  star(conversationId: string, messageId: string, on: boolean): void {
    const record = this.record(conversationId);
    if (record) this.put(record, withStar(record, messageId, on));
  }

  /** Takes the texts of messages that the user has deleted for themselves out of the stored entries. */
  private async wipeHidden(conversationId: string, seqs: readonly number[] = []): Promise<void> {
    for (const seq of seqs) {
      const [stored] = await this.base.store.readEntries(conversationId, seq, seq);
      if (!stored || stored.hidden || stored.type !== "message" || !this.record(conversationId)) continue;
      this.base.store.addEntries(conversationId, [withoutContent(stored)]);
    }
  }

  updateProfile(profile: { id: string; name: string; avatar: string | null; email?: string }): void {
    for (const record of this.records()) this.put(record, withProfile(record, profile));
  }

  /** Stores older entries that were fetched to fill a gap. */
  fill(conversationId: string, entries: readonly Entry[], from: number, to: number): void {
    const record = this.record(conversationId);
    if (!record) return;
    this.base.store.addEntries(conversationId, entries);
    const range: Range = [Math.max(from, record.firstSeq), Math.min(to, record.cursor)];
    this.put(record, { ...record, ranges: withRange(record.ranges, range) });
  }

  /** Entries that should be stored are missing: count them as a gap again. */
  markMissing(conversationId: string, from: number, to: number): void {
    const record = this.record(conversationId);
    if (record) this.put(record, { ...record, ranges: withoutRange(record.ranges, [from, to]) });
  }

  // -------------------------------------------------------------- sync

  /** Another epoch than the stored one means that the server has another database. */
  checkEpoch(epoch: string): void {
    const sync = this.base.store.get<SyncRecord>(key.sync);
    if (sync && sync.epoch !== epoch) this.reset();
  }

  /** Asks until the server has no more, and stores each answer before it asks again. */
  async sync(ask: AskSync, isLive: boolean): Promise<void> {
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const answer = await ask(this.syncBody());
      this.apply(answer, isLive);
      await this.base.store.flush();
      if (!answer.more) return;
    }
    throw new ChatError({ code: "BAD_ANSWER", message: "The server's sync does not end." });
  }

  private syncBody(): SyncBody {
    const sync = this.base.store.get<SyncRecord>(key.sync);
    const rows = this.records().filter(({ isMember }) => isMember);
    const cursors: Record<string, unknown> = Object.fromEntries(
      rows.map(({ id, cursor, cursorHash }) => [id, cursorHash === null ? cursor : [cursor, cursorHash]]),
    );
    return { cursors, ...(sync && { epoch: sync.epoch, ...(sync.since && { since: sync.since }) }) };
  }

  private apply(answer: Synced, isLive: boolean): void {
    this.checkEpoch(answer.epoch);
    if (answer.reset) this.reset();
    for (const synced of answer.conversations) this.applyConversation(synced, isLive);
    for (const id of answer.left) this.markLeft(id);
    for (const user of answer.users)
      this.updateProfile({ id: user.id, name: user.name, avatar: user.avatar, email: user.email });
    this.base.store.put(key.sync, { epoch: answer.epoch, since: answer.next } satisfies SyncRecord);
  }

  private applyConversation(synced: SyncedConversation, isLive: boolean): void {
    let record = this.record(synced.id);
    if (record && synced.reset) {
      this.forget(synced.id);
      record = undefined;
    }
    if (!record) {
      if (!synced.conversation) return; // not described: the next sync has no cursor for it, so its answer describes it
      record = { ...newRecord(synced.conversation), receipts: {} };
      this.put(undefined, record);
    }
    if (synced.changedBeforeGap) this.base.store.dropEntries(synced.id); // fetched again when it is shown
    if (synced.limited) this.base.store.addEntries(synced.id, synced.entries);
    else for (const entry of synced.entries) this.receive(entry, isLive);
    const current = this.record(synced.id) ?? record;
    const next = withSynced(current, synced);
    if (next.firstSeq > current.firstSeq && next.ranges.length === 0) this.base.store.dropEntries(synced.id);
    this.put(current, next);
    void this.wipeHidden(synced.id, synced.own?.hiddenSeqs);
    if (synced.limited) this.events.emit("applied", { entries: synced.entries, isLive: false });
    this.applyEarly(synced.id, isLive);
  }

  private markLeft(conversationId: string): void {
    const record = this.record(conversationId);
    if (record?.isMember) this.put(record, { ...record, isMember: false });
  }

  private forget(conversationId: string): void {
    this.early.delete(conversationId);
    this.base.store.dropEntries(conversationId);
    this.base.store.delete(key.conversation(conversationId));
  }

  /** The server has another database: forget everything stored but the unsent messages. */
  private reset(): void {
    for (const record of this.records()) this.forget(record.id);
    this.base.store.delete(key.sync);
  }
}
