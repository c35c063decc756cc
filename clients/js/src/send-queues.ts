/** Queues of what goes to the server: one record of each at a time, repeated until the answer is final. */
import { retryDelay } from "./clock.js";
import type { Linked } from "./core.js";
import type { ChatError } from "./errors.js";

/** Errors that leave a record waiting: the session may come back, or the client is about to stop. */
const NOT_THE_RECORD = new Set(["SIGNED_OUT", "ABORTED", "CLOSED", "TOKEN_REVOKED", "TOKEN_INVALID", "TOKEN_EXPIRED"]);

export interface Queued {
  readonly clientMsgId: string;
}

/** The owner of the records: it knows them by the names of their queues. */
export interface QueueOwner<Row extends Queued> {
  /** The queues in which something waits. */
  waiting(): Iterable<string>;
  next(queue: string): Row | undefined;
  /** Returns why it failed; undefined when there is nothing more to do for this record now. */
  attempt(row: Row): Promise<ChatError | undefined>;
  /** The server has refused it for good. */
  fail(row: Row, error: ChatError): void;
}

export class SendQueues<Row extends Queued> {
  private readonly busy = new Set<string>();
  private readonly timers = new Set<unknown>();
  private readonly attempts = new Map<string, number>();
  private blockedUntil = 0;

  constructor(
    private readonly linked: Linked,
    private readonly owner: QueueOwner<Row>,
  ) {}

  /** Only the leading tab sends, over whichever transport there is. */
  get canSend(): boolean {
    return this.linked.isLeader() && this.linked.link.transport !== undefined;
  }

  isBusy(queue: string): boolean {
    return this.busy.has(queue);
  }

  /** Starts to send every queue that can be sent; called whenever that may have changed. */
  pump(): void {
    if (!this.canSend) return;
    for (const queue of new Set(this.owner.waiting())) {
      if (this.busy.has(queue)) continue;
      this.busy.add(queue);
      void this.sendInOrder(queue);
    }
  }

  stop(): void {
    for (const timer of this.timers) this.linked.clock.clearTimeout(timer);
    this.timers.clear();
  }

  /** Clears `busy` in the same step that finds the queue empty, so that a later record starts the queue again. */
  private async sendInOrder(queue: string): Promise<void> {
    try {
      for (;;) {
        const row = this.owner.next(queue);
        if (!row || !this.canSend) return;
        const blocked = this.blockedUntil - this.linked.clock.now();
        if (blocked > 0) return this.pumpLater(blocked);
        const error = await this.owner.attempt(row);
        if (error?.retryable) return this.pumpLater(this.delay(row, error));
        if (error && NOT_THE_RECORD.has(error.code)) return;
        this.attempts.delete(row.clientMsgId);
        if (error) this.owner.fail(row, error);
      }
    } finally {
      this.busy.delete(queue);
    }
  }

  private delay({ clientMsgId }: Row, error: ChatError): number {
    const attempt = (this.attempts.get(clientMsgId) ?? 0) + 1;
    this.attempts.set(clientMsgId, attempt);
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
}

/** Orders that sort after each other, also when the clock was set back, and differ from any other tab's. */
export class Orders {
  private last = 0;

  constructor(private readonly linked: Pick<Linked, "clock" | "newId">) {}

  /** `newest`: the greatest order in use. */
  after(newest: string | undefined): string {
    this.last = Math.max(this.linked.clock.now(), this.last + 1, Number(newest?.slice(0, 15) ?? 0) + 1);
    return `${String(this.last).padStart(15, "0")}-${this.linked.newId().slice(0, 8)}`;
  }
}
