/**
 * Outgoing messages: stored before they are sent, sent in order, repeated until they are acknowledged.
 *
 * Every tab stores its messages; only the leading tab sends. One message of a conversation is sent at a time, whatever
 * the transport, so none can overtake another. The `clientMsgId` makes repeats harmless.
 */
import { retryDelay } from "./clock.js";
import { type Linked, signedOutError } from "./core.js";
import { asChatError, type ChatError } from "./errors.js";
import { byteLength, key, type OutboxRecord } from "./records.js";
import { sendMessage } from "./send-message.js";
import type { Entry } from "./wire.js";

/** The largest message that is stored, in bytes. The server's limit is lower. */
const LARGEST = 256 * 1024;
const TOO_LARGE = {
  code: "TOO_LARGE",
  message: "This message is larger than 256 KB: it can be neither sent nor kept. Send it in parts.",
};

/** Errors that leave the message waiting: the session may come back, or the client is about to stop. */
const NOT_THE_MESSAGE = new Set(["SIGNED_OUT", "ABORTED", "CLOSED", "TOKEN_REVOKED", "TOKEN_INVALID", "TOKEN_EXPIRED"]);

export class Outbox {
  private readonly busy = new Set<string>();
  private readonly timers = new Set<unknown>();
  private readonly attempts = new Map<string, number>();
  /**
   * In memory only: messages sent while the session was still being read from storage, when the user was not known yet,
   * and messages too large to be stored.
   */
  private unstored: OutboxRecord[] = [];
  private lastOrder = 0;
  private blockedUntil = 0;

  constructor(private readonly linked: Linked) {
    linked.store.events.on("reset", () => this.storeUnstored());
  }

  /** Only the leading tab sends, over whichever transport there is. */
  private get canSend(): boolean {
    return this.linked.isLeader() && this.linked.link.transport !== undefined;
  }

  of(conversationId: string): OutboxRecord[] {
    return this.all().filter((message) => message.conversationId === conversationId);
  }

  all(): OutboxRecord[] {
    const stored = this.linked.store.list<OutboxRecord>("o");
    return [...stored, ...this.unstored].sort((a, b) => (a.order < b.order ? -1 : 1));
  }

  /** Throws SIGNED_OUT. */
  add(conversationId: string, content: string, attachment: string | null): OutboxRecord {
    const refusal = signedOutError(this.linked);
    if (refusal) throw refusal;
    const message: OutboxRecord = {
      order: this.nextOrder(),
      clientMsgId: this.linked.newId(),
      conversationId,
      content,
      attachment,
      createdAt: new Date(this.linked.clock.now()).toISOString(),
      state: "sending",
      attempted: false,
    };
    const row = this.put(message);
    this.pump();
    return row;
  }

  /** Puts a failed message at the end of its queue. */
  retry(clientMsgId: string): void {
    const failed = this.find(clientMsgId);
    if (failed?.state !== "failed") return;
    const { error: _, ...message } = failed;
    this.remove(failed);
    this.put({ ...message, order: this.nextOrder(), state: "sending" });
    this.pump();
  }

  /** Removes a message that failed for good or was never attempted; the server may have any other already. */
  discard(clientMsgId: string): void {
    const message = this.find(clientMsgId);
    if (message && (message.state === "failed" || !message.attempted)) this.remove(message);
  }

  /** Removes acknowledged messages up to the cursor: they are in the log, or in a gap of it. */
  sweep(conversationId: string, cursor: number): void {
    for (const message of this.of(conversationId))
      if (message.entry && message.entry.seq <= cursor) this.remove(message);
  }

  /** Removes messages whose entries are in the log. */
  removeArrived(clientMsgIds: ReadonlySet<string>): void {
    for (const message of this.all().filter((row) => clientMsgIds.has(row.clientMsgId))) {
      this.remove(message);
      if (this.busy.has(message.conversationId)) this.markNextAttempted(message.conversationId);
    }
  }

  /** Starts to send every queue that can be sent; called whenever that may have changed. */
  pump(): void {
    if (!this.canSend) return;
    const waiting = new Set(
      this.all().flatMap(({ state, conversationId }) => (state === "sending" ? [conversationId] : [])),
    );
    for (const conversationId of waiting) {
      if (this.busy.has(conversationId)) continue;
      this.busy.add(conversationId);
      void this.sendInOrder(conversationId);
    }
  }

  stop(): void {
    for (const timer of this.timers) this.linked.clock.clearTimeout(timer);
    this.timers.clear();
  }

  /** Clears `busy` in the same step that finds the queue empty, so that a later message starts the queue again. */
  private async sendInOrder(conversationId: string): Promise<void> {
    try {
      for (;;) {
        const message = this.next(conversationId);
        if (!message || !this.canSend) return;
        const blocked = this.blockedUntil - this.linked.clock.now();
        if (blocked > 0) return this.pumpLater(blocked);
        const error = await this.attempt(message);
        if (!error) continue;
        if (error.retryable) return this.pumpLater(this.delay(message, error));
        if (NOT_THE_MESSAGE.has(error.code)) return;
        this.fail(message, error);
      }
    } finally {
      this.busy.delete(conversationId);
    }
  }

  private next(conversationId: string): OutboxRecord | undefined {
    return this.of(conversationId).find((row) => row.state === "sending");
  }

  /** The message may reach the server from now on. */
  private markAttempted(message: OutboxRecord | undefined): void {
    if (message && !message.attempted) this.put({ ...message, attempted: true });
  }

  /** Marks the next message in the same write that stores the result of the one before. */
  private markNextAttempted(conversationId: string): void {
    if (this.canSend) this.markAttempted(this.next(conversationId));
  }

  private async attempt(message: OutboxRecord): Promise<ChatError | undefined> {
    this.markAttempted(message);
    await this.linked.store.flush();
    if (!this.find(message.clientMsgId)) return undefined; // discarded, or already in the log
    try {
      const entry = await sendMessage(this.linked, message);
      this.attempts.delete(message.clientMsgId);
      const current = this.find(message.clientMsgId);
      if (current) this.put({ ...current, state: "sent", entry });
      this.acknowledge(entry);
      this.markNextAttempted(message.conversationId);
      return undefined;
    } catch (thrown) {
      return asChatError(thrown);
    }
  }

  /** The entry goes into the log; the message stays in the outbox while entries before it are missing there. */
  private acknowledge(entry: Entry): void {
    const { delivery } = this.linked;
    delivery.receive(entry, false);
    this.sweep(entry.conversationId, delivery.record(entry.conversationId)?.cursor ?? 0);
  }

  private delay(message: OutboxRecord, error: ChatError): number {
    const attempt = (this.attempts.get(message.clientMsgId) ?? 0) + 1;
    this.attempts.set(message.clientMsgId, attempt);
    const asked = (error.retryAfter ?? 0) * 1000;
    if (asked > 0) this.blockedUntil = this.linked.clock.now() + asked;
    return Math.max(asked, retryDelay(attempt, this.linked.timing, this.linked.random));
  }

  private pumpLater(milliseconds: number): void {
    const timer = this.linked.clock.setTimeout(() => {
      this.timers.delete(timer);
      this.pump();
    }, milliseconds);
    this.timers.add(timer);
  }

  private fail(message: OutboxRecord, error: ChatError): void {
    const current = this.find(message.clientMsgId);
    if (current) this.put({ ...current, state: "failed", error: error.toJSON() });
  }

  find(clientMsgId: string): OutboxRecord | undefined {
    return this.all().find((message) => message.clientMsgId === clientMsgId);
  }

  /** Nobody is signed in: messages that waited for the session fail. */
  failUnstored(error: ChatError): void {
    for (const message of this.unstored) this.put({ ...message, state: "failed", error: error.toJSON() });
  }

  /** Stores, and sends, the messages that waited for the session. */
  private storeUnstored(): void {
    if (!this.linked.store.isOpen) return;
    const early = this.unstored.filter(({ state }) => state === "sending");
    this.unstored = [];
    for (const message of early) this.put(message);
    this.pump();
  }

  /** Returns the record as it is kept. */
  private put(message: OutboxRecord): OutboxRecord {
    const { store } = this.linked;
    const isTooLarge = byteLength(message.content) + byteLength(message.attachment ?? "") > LARGEST;
    if (store.isOpen && !isTooLarge) {
      store.put(key.outbox(message.order), message);
      return message;
    }
    const row: OutboxRecord = isTooLarge ? { ...message, state: "failed", error: TOO_LARGE } : message;
    this.unstored = [...this.unstored.filter(({ order }) => order !== message.order), row];
    store.events.emit("record", key.outbox(message.order));
    return row;
  }

  private remove(message: OutboxRecord): void {
    this.unstored = this.unstored.filter(({ order }) => order !== message.order);
    this.linked.store.delete(key.outbox(message.order));
  }

  /** Sorts after every order before it, also when the clock was set back, and differs from any other tab's. */
  private nextOrder(): string {
    const newest = Number(this.all().at(-1)?.order.slice(0, 15) ?? 0);
    this.lastOrder = Math.max(this.linked.clock.now(), this.lastOrder + 1, newest + 1);
    return `${String(this.lastOrder).padStart(15, "0")}-${this.linked.newId().slice(0, 8)}`;
  }
}
