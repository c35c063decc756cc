/** Sends the user's own receipts: in batches, repeated until acknowledged, by the leading tab. */
import type { Linked } from "./core.js";
import { asChatError, ChatError } from "./errors.js";
import { type ConversationRecord, key } from "./records.js";
import { author, type Entry } from "./wire.js";

const READ_UNTOLD = new ChatError({ code: "NETWORK_ERROR", message: "What was read is not told yet." });

export class Receipts {
  private timer: unknown;
  private readonly delivered = new Map<string, number>();
  private sending: Promise<void> = Promise.resolve();

  constructor(private readonly linked: Linked) {}

  /** Entries were applied. */
  markDelivered(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (author(entry).id === this.linked.me()) continue;
      this.delivered.set(entry.conversationId, Math.max(entry.seq, this.delivered.get(entry.conversationId) ?? 0));
    }
    if (this.delivered.size > 0) this.sendSoon();
  }

  /** The user has read up to `seq`; the record keeps the mark until the server has acknowledged it. */
  markRead(conversationId: string, seq: number): void {
    const record = this.linked.delivery.record(conversationId);
    if (!record || seq <= record.untoldRead) return;
    this.put({ ...record, untoldRead: seq });
    this.sendSoon();
  }

  /** There is a connection: sends the receipts that could not be sent before. */
  resume(): void {
    if (this.delivered.size > 0 || this.unsent().length > 0) this.sendSoon();
  }

  /** Tells a read mark before what has to come after it. Throws ChatError where it can't be told now. */
  async tellRead(conversationId: string): Promise<void> {
    const isTold = () => !this.linked.delivery.record(conversationId)?.untoldRead;
    if (isTold()) return;
    const send = () => this.send();
    this.sending = this.sending.then(send, send);
    await this.sending;
    if (!isTold()) throw READ_UNTOLD;
  }

  stop(): void {
    this.linked.clock.clearTimeout(this.timer);
    this.timer = undefined;
    this.delivered.clear();
  }

  private sendSoon(): void {
    if (this.timer !== undefined) return;
    this.timer = this.linked.clock.setTimeout(() => {
      this.timer = undefined;
      const send = () => this.send();
      this.sending = this.sending.then(send, send); // one at a time: marks set meanwhile go with the next batch
    }, this.linked.timing.receiptBatch);
  }

  private unsent(): ConversationRecord[] {
    return this.linked.delivery.records().filter((record) => record.untoldRead > 0);
  }

  private async send(): Promise<void> {
    await this.linked.store.flush();
    await this.sendDelivered();
    for (const record of this.unsent()) if (!(await this.sendRead(record.id, record.untoldRead))) return;
  }

  /** Without a socket, the cursors of the next sync have the same effect. */
  private async sendDelivered(): Promise<void> {
    const socket = this.linked.link.liveSocket;
    const cursors = Object.fromEntries(this.delivered);
    this.delivered.clear();
    if (!socket || Object.keys(cursors).length === 0) return;
    try {
      await socket.request("markAsDelivered", { cursors });
    } catch (thrown) {
      if (asChatError(thrown).code === "TIMEOUT") this.linked.link.checkAlive();
    }
  }

  /** Returns false if it has to be tried again later. */
  private async sendRead(conversationId: string, seq: number): Promise<boolean> {
    const { link, http } = this.linked;
    const socket = link.liveSocket;
    if (!socket && !link.transport) return false;
    try {
      const params = { conversation_id: conversationId };
      if (socket) await socket.request("markAsRead", { conversationId, seq });
      else await http.post("/api/conversations/{conversation_id}/read", { seq }, { params });
    } catch (thrown) {
      const error = asChatError(thrown);
      if (error.code === "TIMEOUT") link.checkAlive();
      if (error.retryable) {
        this.sendSoon();
        return false;
      }
    }
    const record = this.linked.delivery.record(conversationId);
    if (record && record.untoldRead <= seq) this.put({ ...record, untoldRead: 0 });
    return true;
  }

  private put(record: ConversationRecord): void {
    this.linked.store.put(key.conversation(record.id), record);
  }
}
