/** Presence and typing. */
import type { Base, Core, TypingRow } from "./core.js";
import { asChatError } from "./errors.js";
import { Source } from "./observable.js";
import type { Observable } from "./types/observable.js";
import type { Presence, PresenceMap, Typing, TypingUser } from "./types/people.js";

export class PresenceStore implements PresenceMap {
  readonly subscribe: PresenceMap["subscribe"];
  readonly getSnapshot: PresenceMap["getSnapshot"];
  private readonly byUser = new Map<string, Source<Presence>>();
  private refreshing: Promise<void> | undefined;

  constructor(private readonly base: Base) {
    this.subscribe = base.presence.subscribe;
    this.getSnapshot = base.presence.getSnapshot;
    base.presence.subscribe(() => {
      for (const one of this.byUser.values()) one.changed();
    });
  }

  of(userId: string): Observable<Presence> {
    let presence = this.byUser.get(userId);
    if (!presence) {
      const make = () => this.base.presence.value.get(userId) ?? { userId, online: false, lastSeen: null };
      presence = new Source(make, {}, (a, b) => a.online === b.online && a.lastSeen === b.lastSeen);
      this.byUser.set(userId, presence);
    }
    return presence;
  }

  /** Loads the presence of all people if any of these is not known yet. */
  refreshUnknown(userIds: readonly string[]): void {
    const isKnown = (userId: string) => userId === this.base.me() || this.base.presence.value.has(userId);
    if (!userIds.every(isKnown)) void this.refresh();
  }

  refresh(): Promise<void> {
    this.refreshing ??= this.load().finally(() => {
      this.refreshing = undefined;
    });
    return this.refreshing;
  }

  private async load(): Promise<void> {
    try {
      const { data } = await this.base.http.get("/api/user/presence");
      const rows = data.map((row): [string, Presence] => [
        row.userId,
        { userId: row.userId, online: row.status === "online", lastSeen: row.lastSeen },
      ]);
      this.base.presence.set(new Map(rows));
    } catch (thrown) {
      this.base.report(asChatError(thrown));
    }
  }

  /** These users are online, all others are offline. */
  setOnline(userIds: readonly string[]): void {
    const online = new Set(userIds);
    const next = new Map(this.base.presence.value);
    for (const [userId, row] of next)
      if (row.online !== online.has(userId)) next.set(userId, { ...row, online: !row.online });
    for (const userId of online) if (!next.has(userId)) next.set(userId, { userId, online: true, lastSeen: null });
    this.base.presence.set(next);
  }

  set(userId: string, online: boolean, at: string): void {
    this.base.presence.set(new Map(this.base.presence.value).set(userId, { userId, online, lastSeen: at }));
  }
}

/** The user's own typing ends so long (in milliseconds) after the last key. */
const IDLE = 5000;

export class TypingIndicator implements Typing {
  private readonly source: Source<readonly TypingUser[]>;
  readonly subscribe: Typing["subscribe"];
  readonly getSnapshot: Typing["getSnapshot"];
  private sentAt: number | undefined;
  private idleTimer: unknown;

  constructor(
    private readonly core: Core,
    private readonly conversationId: string,
  ) {
    this.source = new Source(() => this.make(), {}, sameUsers);
    this.subscribe = this.source.subscribe;
    this.getSnapshot = this.source.getSnapshot;
    core.typing.subscribe(() => this.source.changed());
  }

  private make(): readonly TypingUser[] {
    const here = this.core.typing.value.filter((row) => row.conversationId === this.conversationId);
    return here.map(({ userId, name }) => ({ userId, name }));
  }

  set(isTyping: boolean): void {
    const { clock, timing } = this.core;
    clock.clearTimeout(this.idleTimer);
    if (!isTyping) {
      if (this.sentAt !== undefined) this.core.act({ kind: "typing", id: this.conversationId, isTyping: false });
      this.sentAt = undefined;
      return;
    }
    this.idleTimer = clock.setTimeout(() => this.set(false), IDLE);
    if (this.sentAt !== undefined && clock.now() - this.sentAt < timing.typingEvery) return;
    this.sentAt = clock.now();
    this.core.act({ kind: "typing", id: this.conversationId, isTyping: true });
  }

  /** The message was sent, which ends the typing for the others too. */
  sent(): void {
    this.core.clock.clearTimeout(this.idleTimer);
    this.sentAt = undefined;
  }
}

function sameUsers(a: readonly TypingUser[], b: readonly TypingUser[]): boolean {
  return a.length === b.length && a.every((user, index) => user.userId === b[index]?.userId);
}

/** The people who are typing, kept by the leading tab. Each row expires unless the server repeats it. */
export class TypingStore {
  private readonly timers = new Map<string, unknown>();

  constructor(private readonly base: Base) {}

  set(row: TypingRow, isTyping: boolean): void {
    this.remove(row.conversationId, row.userId);
    if (!isTyping) return;
    this.base.typing.set([...this.base.typing.value, row]);
    const wait = row.until - this.base.clock.now();
    const timer = this.base.clock.setTimeout(() => this.remove(row.conversationId, row.userId), wait);
    this.timers.set(`${row.conversationId}/${row.userId}`, timer);
  }

  remove(conversationId: string, userId: string): void {
    const name = `${conversationId}/${userId}`;
    this.base.clock.clearTimeout(this.timers.get(name));
    this.timers.delete(name);
    const { value } = this.base.typing;
    const rest = value.filter((row) => row.conversationId !== conversationId || row.userId !== userId);
    if (rest.length !== value.length) this.base.typing.set(rest);
  }

  clear(): void {
    for (const timer of this.timers.values()) this.base.clock.clearTimeout(timer);
    this.timers.clear();
    this.base.typing.set([]);
  }
}
