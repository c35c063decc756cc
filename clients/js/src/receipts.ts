/** The user's own marks on their way to the server: batched, repeated until told, for the leading tab. */
import type { Linked } from "./core.js";
import { asChatError } from "./errors.js";
import { type ConversationRecord, key } from "./records.js";
import { author, type Entry } from "./wire.js";

export class Receipts {
  private timer: unknown;
  private readonly delivered = new Map<string, number>();
  private telling: Promise<void> = Promise.resolve();

  constructor(private readonly linked: Linked) {}

  /** Entries are here and stored. */
  applied(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (author(entry).id === this.linked.me()) continue;
      this.delivered.set(entry.conversationId, Math.max(entry.seq, this.delivered.get(entry.conversationId) ?? 0));
    }
    if (this.delivered.size > 0) this.soon();
  }

  /** The user has read up to `seq`; it is remembered until the server has heard it. */
  read(conversationId: string, seq: number): void {
    const record = this.linked.delivery.record(conversationId);
    if (!record || seq <= record.untoldRead) return;
    this.put({ ...record, untoldRead: seq });
    this.soon();
  }

  /** There is a connection (again): tell what could not be told. */
  resume(): void {
    if (this.delivered.size > 0 || this.untold().length > 0) this.soon();
  }

  stop(): void {
    this.linked.clock.clearTimeout(this.timer);
    this.timer = undefined;
    this.delivered.clear();
  }

  private soon(): void {
    if (this.timer !== undefined) return;
    this.timer = this.linked.clock.setTimeout(() => {
      this.timer = undefined;
      const tell = () => this.tell();
      this.telling = this.telling.then(tell, tell); // one after the other: what is read meanwhile is told next
    }, this.linked.timing.receiptBatch);
  }

  private untold(): ConversationRecord[] {
    return this.linked.delivery.records().filter((record) => record.untoldRead > 0);
  }

  private async tell(): Promise<void> {
    await this.linked.store.flush();
    await this.tellDelivered();
    for (const record of this.untold()) if (!(await this.tellRead(record.id, record.untoldRead))) return;
  }

  /** Without a socket the next sync says the same by its cursors. */
  private async tellDelivered(): Promise<void> {
    const socket = this.linked.link.liveSocket;
    const cursors = Object.fromEntries(this.delivered);
    this.delivered.clear();
    if (!socket || Object.keys(cursors).length === 0) return;
    try {
      await socket.request("markAsDelivered", { cursors });
    } catch (thrown) {
      if (asChatError(thrown).code === "TIMEOUT") this.linked.link.suspect();
    }
  }

  /** False when it has to be tried again later. */
  private async tellRead(conversationId: string, seq: number): Promise<boolean> {
    const { link, http } = this.linked;
    const socket = link.liveSocket;
    if (!socket && !link.transport) return false;
    try {
      const params = { conversation_id: conversationId };
      if (socket) await socket.request("markAsRead", { conversationId, seq });
      else await http.post("/api/conversations/{conversation_id}/read", { seq }, { params });
    } catch (thrown) {
      const error = asChatError(thrown);
      if (error.code === "TIMEOUT") link.suspect();
      if (error.retryable) {
        this.soon();
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
