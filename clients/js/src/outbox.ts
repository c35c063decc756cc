/**
 * Outgoing messages: stored before they are sent, sent in order, repeated until they are acknowledged.
 *
 * Every tab stores its messages; only the leading tab sends. One message of a conversation is sent at a time, whatever
 * the transport, so none can overtake another. The `clientMsgId` makes repeats harmless.
 */
import { type Linked, signedOutError } from "./core.js";
import { asChatError, type ChatError } from "./errors.js";
import { byteLength, key, type OutboxRecord } from "./records.js";
import { sendMessage } from "./send-message.js";
import { Orders, type QueueOwner, SendQueues } from "./send-queues.js";
import type { Mention, Outgoing } from "./types/messages.js";
import type { Entry } from "./wire.js";

/** The largest message that is stored, in bytes. The server's limit is lower. */
const LARGEST = 256 * 1024;
const TOO_LARGE = {
  code: "TOO_LARGE",
  message: "This message is larger than 256 KB: it can be neither sent nor kept. Send it in parts.",
};

export class Outbox implements QueueOwner<OutboxRecord> {
  private readonly queues: SendQueues<OutboxRecord>;
  private readonly orders: Orders;
  /**
   * In memory only: messages sent while the session was still being read from storage, when the user was not known yet,
   * and messages too large to be stored.
   */
  private unstored: OutboxRecord[] = [];

  constructor(private readonly linked: Linked) {
    this.queues = new SendQueues(linked, this);
    this.orders = new Orders(linked);
    linked.store.events.on("reset", () => this.storeUnstored());
  }

  of(conversationId: string): OutboxRecord[] {
    return this.all().filter((message) => message.conversationId === conversationId);
  }

  all(): OutboxRecord[] {
    const stored = this.linked.store.list<OutboxRecord>("o");
    return [...stored, ...this.unstored].sort((a, b) => (a.order < b.order ? -1 : 1));
  }

  /** Throws SIGNED_OUT. */
  add(
    conversationId: string,
    { content = "", attachment = null, replyTo, mentions = [], forward }: Outgoing & Pick<OutboxRecord, "forward">,
    clientMsgId = this.linked.newId(),
  ): OutboxRecord {
    const refusal = signedOutError(this.linked);
    if (refusal) throw refusal;
    const message: OutboxRecord = {
      order: this.orders.after(this.newestOrder),
      clientMsgId,
      conversationId,
      content,
      attachment,
      ...(replyTo !== undefined && { replyTo }),
      ...(mentions.length > 0 && { mentions }),
      ...(forward && { forward }),
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
    this.put({ ...message, order: this.orders.after(this.newestOrder), state: "sending" });
    this.pump();
  }

  /**
   * Removes a message that failed for good or was never attempted; the server may have any other already. Returns whether
   * it was removed.
   */
  discard(clientMsgId: string): boolean {
    const message = this.find(clientMsgId);
    if (!message || (message.state !== "failed" && message.attempted)) return false;
    this.remove(message);
    return true;
  }

  /**
   * Gives a message that can't have reached the server another text; returns whether it was one. It is no copy of another
   * message any more.
   */
  edit(clientMsgId: string, content: string, mentions: readonly Mention[]): boolean {
    const message = this.find(clientMsgId);
    if (!message || (message.attempted && message.state !== "failed")) return false;
    const { forward: _, ...own } = message;
    this.put({ ...own, content, mentions });
    return true;
  }

  /** Removes acknowledged messages up to the cursor: they are in the log, or in a gap of it. */
  sweep(conversationId: string, cursor: number): void {
    for (const message of this.of(conversationId))
      if (message.entry && message.entry.seq <= cursor) this.remove(message);
  }

  /** Removes messages whose entries, the user's own, are in the log of their conversation. */
  removeArrived(entries: readonly Entry[]): void {
    const arrived = new Set(entries.map((entry) => `${entry.conversationId} ${entry.clientMsgId}`));
    for (const message of this.all().filter((row) => arrived.has(`${row.conversationId} ${row.clientMsgId}`))) {
      this.remove(message);
      if (this.queues.isBusy(message.conversationId)) this.markNextAttempted(message.conversationId);
    }
  }

  /** Sends what waits, wherever it can be sent; called whenever that may have changed. */
  pump(): void {
    this.queues.pump();
  }

  stop(): void {
    this.queues.stop();
  }

  /** The conversations with something to send. */
  waiting(): string[] {
    return this.all().flatMap(({ state, conversationId }) => (state === "sending" ? [conversationId] : []));
  }

  next(conversationId: string): OutboxRecord | undefined {
    return this.of(conversationId).find((row) => row.state === "sending");
  }

  /** The message may reach the server from now on. */
  private markAttempted(message: OutboxRecord | undefined): void {
    if (message && !message.attempted) this.put({ ...message, attempted: true });
  }

  /** Marks the next message in the same write that stores the result of the one before. */
  private markNextAttempted(conversationId: string): void {
    if (this.queues.canSend) this.markAttempted(this.next(conversationId));
  }

  async attempt(message: OutboxRecord): Promise<ChatError | undefined> {
    this.markAttempted(message);
    await this.linked.store.flush();
    if (!this.find(message.clientMsgId)) return undefined; // discarded, or already in the log
    try {
      const entry = await sendMessage(this.linked, message);
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

  fail(message: OutboxRecord, error: ChatError): void {
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

  private get newestOrder(): string | undefined {
    return this.all().at(-1)?.order;
  }
}
