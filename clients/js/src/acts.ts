/**
 * Acts on messages and own settings: shown at once, stored, sent in order, and repeated until they are acknowledged, as messages are.
 *
 * What the server refuses is taken back. An acknowledged act stays until its entry is in the log here.
 */
import { type Linked, signedOutError } from "./core.js";
import { asChatError, ChatError } from "./errors.js";
import type { Outbox } from "./outbox.js";
import type { Receipts } from "./receipts.js";
import { type ActRecord, byteLength, key } from "./records.js";
import { sendAct } from "./send-act.js";
import { Orders, type QueueOwner, SendQueues } from "./send-queues.js";
import type { Act, Message } from "./types/messages.js";
import type { Entry } from "./wire.js";

const LARGEST = 256 * 1024;
const TOO_LARGE = { code: "TOO_LARGE", message: "This text is larger than 256 KB: it can't be kept." };
const NONE: readonly ActRecord[] = [];

/** Somebody who waits for the outcome of an act in this tab. */
interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: ChatError) => void;
}

export class Acts implements QueueOwner<ActRecord> {
  private readonly queues: SendQueues<ActRecord>;
  private readonly orders: Orders;
  private readonly waiters = new Map<string, Waiter>();
  /** By the key, and the id, of what they concern; made anew when a record changes. */
  private byMessage: Map<string, readonly ActRecord[]> | undefined;

  constructor(
    private readonly linked: Linked,
    private readonly outbox: Outbox,
    private readonly receipts: Receipts,
  ) {
    this.queues = new SendQueues(linked, this);
    this.orders = new Orders(linked);
    linked.store.events.on("record", (changed) => changed.startsWith(key.act("")) && this.recordChanged(changed));
    linked.store.events.on("reset", () => this.storeOpened());
  }

  private all(): ActRecord[] {
    return this.linked.store.list<ActRecord>("a").sort((a, b) => (a.order < b.order ? -1 : 1));
  }

  /**
   * The acts on a message, by its key or its id, that are not in the log yet, or those on the settings of a conversation.
   * The same array until they change.
   */
  on(key: string): readonly ActRecord[] {
    this.byMessage ??= this.grouped();
    return this.byMessage.get(key) ?? NONE;
  }

  private grouped(): Map<string, readonly ActRecord[]> {
    const groups = new Map<string, ActRecord[]>();
    for (const record of this.all()) {
      if (record.error) continue;
      for (const name of new Set([record.messageKey, record.messageId ?? record.messageKey]))
        groups.set(name, [...(groups.get(name) ?? []), record]);
    }
    return groups;
  }

  /** Resolves when the server has acknowledged the act; rejects with its refusal. */
  add(message: Pick<Message, "key" | "id" | "conversationId">, act: Act): Promise<void> {
    const refusal = signedOutError(this.linked) ?? tooLarge(act);
    if (refusal) return Promise.reject(refusal);
    const record: ActRecord = {
      order: this.orders.after(this.all().at(-1)?.order),
      clientMsgId: this.linked.newId(),
      conversationId: message.conversationId,
      messageKey: message.key,
      messageId: message.id,
      act,
      createdAt: new Date(this.linked.clock.now()).toISOString(),
    };
    return new Promise((resolve, reject) => {
      this.waiters.set(key.act(record.order), { resolve, reject });
      this.linked.store.put(key.act(record.order), record);
      this.pump();
    });
  }

  pump(): void {
    this.queues.pump();
  }

  stop(): void {
    this.queues.stop();
  }

  waiting(): string[] {
    return this.all().flatMap((record) => (isWaiting(record) ? [record.conversationId] : []));
  }

  next(conversationId: string): ActRecord | undefined {
    return this.all().find((record) => record.conversationId === conversationId && isWaiting(record));
  }

  async attempt({ order }: ActRecord): Promise<ChatError | undefined> {
    await this.linked.store.flush();
    const record = this.linked.store.get<ActRecord>(key.act(order));
    if (!record) return undefined;
    if (record.messageId === null && record.act.kind !== "settings") return this.attemptUnsent(record);
    try {
      this.acknowledge(record, await sendAct(this.linked, this.receipts, record));
      return undefined;
    } catch (thrown) {
      return asChatError(thrown);
    }
  }

  /** The message was on its way when the act was made: it is in the log soon, or it has failed and is still here. */
  private attemptUnsent(record: ActRecord): ChatError | undefined {
    const { messageKey, act } = record;
    const message = this.outbox.find(messageKey);
    if (!message) return MESSAGE_GONE;
    if (message.state !== "failed") return MESSAGE_UNSENT;
    if (act.kind === "edit") this.outbox.edit(messageKey, act.content, act.mentions ?? []);
    else if (act.kind === "delete" || act.kind === "hide") this.outbox.discard(messageKey);
    else return MESSAGE_GONE;
    this.remove(record);
    return undefined;
  }

  private acknowledge(record: ActRecord, entry: Entry | undefined): void {
    if (!entry) {
      this.remove(record);
      return;
    }
    const { delivery, store } = this.linked;
    store.put(key.act(record.order), { ...record, seq: entry.seq });
    delivery.receive(entry, false);
    this.sweep(entry.conversationId, delivery.record(entry.conversationId)?.cursor ?? 0);
  }

  fail(record: ActRecord, error: ChatError): void {
    const { store, events } = this.linked;
    store.put(key.act(record.order), { ...record, error: error.toJSON() });
    events.emit("refused", {
      conversationId: record.conversationId,
      messageId: record.messageId,
      act: record.act,
      error,
    });
    void store.flush().then(() => this.remove(record)); // other tabs see first that it was refused
  }

  /** Removes acknowledged acts up to the cursor: their entries are in the log, or in a gap of it. */
  sweep(conversationId: string, cursor: number): void {
    for (const record of this.all())
      if (record.conversationId === conversationId && record.seq !== undefined && record.seq <= cursor)
        this.remove(record);
  }

  /** Removes acts whose entries, the user's own, are in the log of their conversation; others learn of their message. */
  removeArrived(entries: readonly Entry[]): void {
    const arrived = new Map(entries.map((entry) => [`${entry.conversationId} ${entry.clientMsgId}`, entry]));
    for (const record of this.all()) {
      const message = arrived.get(`${record.conversationId} ${record.messageKey}`);
      if (arrived.has(`${record.conversationId} ${record.clientMsgId}`)) this.remove(record);
      else if (message && record.messageId === null)
        this.linked.store.put(key.act(record.order), { ...record, messageId: message.id });
    }
    this.pump();
  }

  private remove(record: ActRecord): void {
    this.linked.store.delete(key.act(record.order));
  }

  private recordChanged(name: string): void {
    this.byMessage = undefined;
    const waiter = this.waiters.get(name);
    const record = this.linked.store.get<ActRecord>(name);
    if (!waiter || (record && !record.error)) return;
    this.waiters.delete(name);
    if (record?.error) waiter.reject(new ChatError(record.error));
    else waiter.resolve();
  }

  /** Another user's records, or none: nobody hears any more of the acts before. */
  private storeOpened(): void {
    this.byMessage = undefined;
    for (const [name, { reject }] of this.waiters) {
      if (this.linked.store.get(name)) continue;
      this.waiters.delete(name);
      reject(signedOutError(this.linked) ?? MESSAGE_UNSENT);
    }
    this.pump();
  }
}

/** Its message is still on its way: the act follows it. */
const MESSAGE_UNSENT = new ChatError({ code: "NETWORK_ERROR", message: "The message itself is not sent yet." });

const MESSAGE_GONE = new ChatError({ code: "MESSAGE_NOT_FOUND", message: "Message not found", statusCode: 404 });

function isWaiting({ error, seq }: ActRecord): boolean {
  return error === undefined && seq === undefined;
}

function tooLarge(act: Act): ChatError | undefined {
  return act.kind === "edit" && byteLength(act.content) > LARGEST ? new ChatError(TOO_LARGE) : undefined;
}
