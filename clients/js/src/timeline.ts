/** A window on a conversation's log, followed by the messages that are not sent yet. */

import { type Core, isConnected, signedOutError } from "./core.js";
import { asChatError, ChatError } from "./errors.js";
import { readBelow } from "./log.js";
import { EntryWindow } from "./message-changes.js";
import { MessageViews } from "./message-views.js";
import { Source } from "./observable.js";
import { isHidden, isMarkedUnread, withSettingsActs } from "./own-state.js";
import { loadPins } from "./pins.js";
import { type ConversationRecord, key, type OutboxRecord, rangeAt } from "./records.js";
import type { Mention, Message, MessageReceipt, Outgoing } from "./types/messages.js";
import type { Messages, Timeline, TimelineItem } from "./types/timeline.js";
import type { Entry } from "./wire.js";

const PAGE = 50;
const NOTHING_YET = { code: "NO_MESSAGES", message: "No messages yet. Say hello!" };

export class ConversationMessages implements Messages {
  private readonly source: Source<Timeline>;
  readonly subscribe: Messages["subscribe"];
  readonly getSnapshot: Messages["getSnapshot"];
  private readonly views: MessageViews;
  private entries = new EntryWindow();
  /** The first entry of the window; undefined until it is loaded. */
  private lower: number | undefined;
  private unreadAfterSeq = 0;
  private error: ChatError | undefined;
  private olderError: ChatError | undefined;
  private loading: Promise<void> | undefined;
  private extending: Promise<void> | undefined;
  private generation = 0;

  constructor(
    private readonly core: Core,
    readonly conversationId: string,
    private readonly onSend: () => void,
    private readonly takeDraftId: (content: string) => string | undefined,
  ) {
    this.views = new MessageViews(
      core.me,
      (id) => this.entries.find(id),
      () => core.clock.now(),
    );
    this.source = new Source(() => this.make(), {
      first: () => void this.refresh(),
      last: () => this.trim(),
    });
    this.subscribe = this.source.subscribe;
    this.getSnapshot = this.source.getSnapshot;
    this.listen();
  }

  private listen(): void {
    const { store, connection } = this.core;
    const own = key.conversation(this.conversationId);
    store.events.on("record", (changed) => {
      if (changed === own) this.recordChanged();
      else if (changed.startsWith(key.outbox("")) || changed.startsWith(key.act(""))) this.source.changed();
    });
    store.events.on("entries", ({ conversationId, entries }) => {
      if (conversationId === this.conversationId) this.addEntries(entries);
    });
    store.events.on("dropped", (conversationId) => {
      if (conversationId === this.conversationId) this.forget();
    });
    store.events.on("reset", () => {
      this.forget();
      if (this.source.isUsed) void this.refresh();
    });
    connection.subscribe(() => this.connectionChanged());
  }

  private get record(): ConversationRecord | undefined {
    return this.core.delivery.record(this.conversationId);
  }

  // -------------------------------------------------------------- the window

  private addEntries(entries: readonly Entry[]): void {
    if (this.lower === undefined) return;
    for (const entry of entries) if (entry.seq >= this.lower) this.entries.add(entry);
    this.source.changed();
  }

  private forget(): void {
    this.generation++;
    this.entries = new EntryWindow();
    this.lower = undefined;
    this.loading = undefined;
    this.extending = undefined;
    this.error = undefined;
    this.olderError = undefined;
    this.views.clear();
    this.source.changed();
  }

  private recordChanged(): void {
    this.source.changed();
    const record = this.record;
    if (!record) return;
    if (this.lower === undefined || this.error) {
      if (this.source.isUsed) void this.refresh();
      return;
    }
    const newest = rangeAt(record.ranges, record.cursor);
    const lowest = newest ? newest[0] : record.cursor + 1;
    if (this.extending) return;
    if (this.lower < Math.max(lowest, record.firstSeq)) this.jumpToNewest(Math.max(lowest, record.firstSeq));
    else if (this.entries.size < record.cursor - this.lower + 1) void this.readMissing(record.cursor);
  }

  /** Reads entries of the window that another tab has stored. */
  private async readMissing(upper: number): Promise<void> {
    const { generation } = this;
    await undefined; // they may arrive in the same batch as the record
    if (this.lower === undefined || this.entries.size >= upper - this.lower + 1) return;
    const found = await this.core.store.readEntries(this.conversationId, this.lower, upper);
    if (generation === this.generation) this.addEntries(found);
  }

  /** There is a gap before the newest entries: shrinks the window to the part after it. */
  private jumpToNewest(lowest: number): void {
    this.lower = lowest;
    this.entries.deleteBelow(lowest);
    void this.loadOlder(PAGE - this.entries.size);
  }

  private connectionChanged(): void {
    if (this.source.isUsed && isConnected(this.core.connection.value) && (this.error || this.lower === undefined)) {
      void this.refresh();
    }
    this.source.changed();
  }

  async refresh(): Promise<void> {
    if (this.lower !== undefined && !this.error) return;
    if (this.loading) return this.loading;
    const loading = this.load().finally(() => {
      if (this.loading === loading) this.loading = undefined;
      this.source.changed();
    });
    this.loading = loading;
    return loading;
  }

  private async load(): Promise<void> {
    const { generation } = this;
    await undefined; // entries of the same batch are there after it
    const { record } = this;
    if (!record || generation !== this.generation) return;
    this.lower = record.cursor + 1;
    this.unreadAfterSeq = record.readSeq;
    this.error = undefined;
    try {
      await this.extend(PAGE);
    } catch (thrown) {
      if (generation === this.generation) this.error = asChatError(thrown);
    }
  }

  async loadOlder(count = PAGE): Promise<void> {
    if (this.lower === undefined) return this.refresh();
    if (count <= 0) return;
    const { generation } = this;
    this.extending ??= this.extend(count)
      .then(
        () => undefined,
        (thrown) => asChatError(thrown),
      )
      .then((error) => {
        if (generation !== this.generation) return;
        this.extending = undefined;
        this.olderError = error;
        this.source.changed();
      });
    this.olderError = undefined;
    this.source.changed();
    return this.extending;
  }

  trim(): void {
    if (this.lower === undefined || this.extending) return;
    const record = this.record;
    if (!record) return;
    this.lower = Math.max(this.lower, record.cursor - PAGE + 1);
    this.entries.deleteBelow(this.lower);
    this.views.clear();
    this.source.changed();
  }

  /** Widens the window by so many entries, from the store or the server. */
  private async extend(count: number): Promise<void> {
    const { generation } = this;
    for (let wanted = count; wanted > 0; ) {
      const record = this.record;
      if (!record || this.lower === undefined || this.lower <= record.firstSeq) return;
      const upper = this.lower - 1;
      const found = await readBelow(this.core, record, upper, wanted);
      if (generation !== this.generation || this.lower - 1 !== upper) return;
      for (const entry of found) this.entries.add(entry);
      this.lower -= found.length;
      wanted -= found.length;
      this.source.changed();
    }
  }

  // -------------------------------------------------------------- the snapshot

  private make(): Timeline {
    const { record, error } = this;
    const pending = this.core.outbox.of(this.conversationId);
    const items = record && this.lower !== undefined ? this.items(record, this.lower) : [];
    const data = [...items, ...this.pendingMessages(pending)];
    const failure = signedOutError(this.core) ?? error ?? this.missingError(record);
    const isLoading = !failure && (this.lower === undefined || (this.loading !== undefined && data.length === 0));
    const isEmpty = data.length === 0;
    return {
      status: isEmpty ? (failure ? "error" : isLoading ? "loading" : "empty") : "ready",
      data,
      stale: !isConnected(this.core.connection.value),
      hasOlder: record !== undefined && this.lower !== undefined && this.lower > record.firstSeq,
      loadingOlder: this.extending !== undefined,
      unreadAfterSeq: this.unreadAfterSeq,
      ...(failure && { error: failure }),
      ...(this.olderError && { olderError: this.olderError }),
      ...(isEmpty && !failure && !isLoading && { reason: NOTHING_YET }),
    };
  }

  private items(record: ConversationRecord, lower: number): TimelineItem[] {
    this.views.setRecord(record);
    const items: TimelineItem[] = [];
    for (let seq = lower; seq <= record.cursor; seq++) {
      const entry = this.entries.get(seq);
      const item = entry && !isHidden(record, entry) && this.views.item(entry, this.core.acts);
      if (item) items.push(item);
    }
    return items;
  }

  private pendingMessages(pending: readonly OutboxRecord[]): Message[] {
    const user = this.core.session.account.user;
    return pending
      .filter((row) => !this.isInLog(row))
      .map((row) => this.views.changed(this.views.pending(row, user), this.core.acts))
      .filter((message) => message !== null);
  }

  private isInLog(row: OutboxRecord): boolean {
    return row.entry !== undefined && this.entries.get(row.entry.seq)?.clientMsgId === row.clientMsgId;
  }

  private missingError(record: ConversationRecord | undefined): ChatError | undefined {
    const { connection } = this.core;
    if (record) return undefined;
    if (!isConnected(connection.value))
      return connection.value.status === "offline" ? connection.value.error : undefined;
    return new ChatError({ code: "CONVERSATION_NOT_FOUND", message: "Conversation not found", statusCode: 404 });
  }

  // -------------------------------------------------------------- actions of the user

  send(message: string | Outgoing): Message {
    const outgoing = typeof message === "string" ? { content: message } : message;
    const clientMsgId = this.takeDraftId(outgoing.content ?? "");
    const row = this.core.outbox.add(this.conversationId, outgoing, clientMsgId);
    this.onSend();
    return this.views.pending(row, this.core.session.account.user);
  }

  retry(clientMsgId: string): void {
    this.core.outbox.retry(clientMsgId);
  }

  discard(clientMsgId: string): void {
    this.core.outbox.discard(clientMsgId);
  }

  markRead(seq?: number): void {
    const record = this.record;
    if (!record) return;
    const upTo = Math.min(seq ?? record.headSeq, record.headSeq);
    if (upTo > record.readSeq || isMarkedUnread(record))
      this.core.act({ kind: "read", id: this.conversationId, seq: upTo });
    const { acts } = this.core;
    const own = acts.on(this.conversationId);
    if (own.length === 0 || !isMarkedUnread(withSettingsActs(record, own))) return;
    const changes = { markedUnread: false }; // it was marked here, and the server has not heard of it
    void acts
      .add({ key: record.id, id: null, conversationId: record.id }, { kind: "settings", changes })
      .catch(() => {});
  }

  async edit(message: Message | string, content: string, mentions: readonly Mention[] = []): Promise<void> {
    const found = this.messageOf(message);
    if (found.id !== null || !this.core.outbox.edit(found.key, content, mentions))
      await this.core.acts.add(found, { kind: "edit", content, ...(mentions.length > 0 && { mentions }) });
  }

  async remove(message: Message | string): Promise<void> {
    const found = this.messageOf(message);
    if (found.id !== null || !this.core.outbox.discard(found.key)) await this.core.acts.add(found, { kind: "delete" });
  }

  react(message: Message | string, emoji: string, on = true): Promise<void> {
    return this.core.acts.add(this.messageOf(message), { kind: "react", emoji, on });
  }

  star(message: Message | string, on = true): Promise<void> {
    return this.core.acts.add(this.messageOf(message), { kind: "star", on });
  }

  pin(message: Message | string, until?: Date): Promise<void> {
    return this.core.acts.add(this.messageOf(message), { kind: "pin", until: until?.toISOString() ?? null });
  }

  unpin(message: Message | string): Promise<void> {
    return this.core.acts.add(this.messageOf(message), { kind: "unpin" });
  }

  pins(): Promise<readonly Message[]> {
    return loadPins(this.core, this.conversationId);
  }

  async hide(message: Message | string): Promise<void> {
    const found = this.messageOf(message);
    if (found.id !== null || !this.core.outbox.discard(found.key)) await this.core.acts.add(found, { kind: "hide" });
  }

  forward(message: Message | string, conversationIds: readonly string[]): void {
    const found: Partial<Message> = this.messageOf(message);
    const { id, content = "", attachment = null, forwarded } = found;
    const copy = id ? { forward: { of: id, hops: (forwarded?.hops ?? 0) + 1 } } : {};
    for (const conversationId of new Set(conversationIds)) {
      this.core.outbox.add(conversationId, { content, attachment, ...copy });
    }
  }

  /** The message as it is shown now; one that is not loaded here has its id for a key. */
  private messageOf(message: Message | string): Pick<Message, "key" | "id" | "conversationId"> {
    const { data } = this.getSnapshot();
    const isIt = (item: TimelineItem) => (typeof message === "string" ? item.id === message : item.key === message.key);
    const found = data.find((item): item is Message => item.kind === "message" && isIt(item));
    if (found) return found;
    if (typeof message !== "string") return message;
    return { key: message, id: message, conversationId: this.conversationId };
  }

  async receipts(messageId: string): Promise<readonly MessageReceipt[]> {
    const params = { message_id: messageId };
    const { data } = await this.core.http.get("/api/messages/{message_id}/receipts", undefined, { params });
    return data.members.map(({ id, name, avatar, status, deliveredAt, readAt }) => ({
      user: { id, name, avatar },
      status: status as MessageReceipt["status"],
      deliveredAt,
      readAt,
    }));
  }
}
