/** Keeps the tabs of a browser alike: they post to each other the records, the actions, and the leading tab's state. */
import type { Actions } from "./actions.js";
import type { Acts } from "./acts.js";
import type { Action, Linked, TypingRow } from "./core.js";
import { ChatError } from "./errors.js";
import type { Outbox } from "./outbox.js";
import type { StoredSession } from "./session/stored-session.js";
import type { StoredBatch } from "./store/batch.js";
import type { Tabs } from "./tabs.js";
import type { ConnectionState } from "./types/connection.js";
import type { Presence } from "./types/people.js";
import type { UserSpace } from "./user-space.js";

/** Changes of session and user, which the lifecycle handles. */
export type LifecycleMessage =
  /** The session has changed: as stored, as given where storage has refused it, or null where it has ended. */
  | { readonly kind: "session"; readonly session?: StoredSession | null }
  /** Another tab erases everything below the prefix. */
  | { readonly kind: "erase"; readonly prefix: string };

export type SharedMessage =
  | { readonly kind: "written"; readonly prefix: string; readonly batch: StoredBatch }
  | { readonly kind: "action"; readonly action: Action }
  | { readonly kind: "hello" }
  | { readonly kind: "connection"; readonly state: Omit<ConnectionState, "error">; readonly error?: object }
  | { readonly kind: "presence"; readonly rows: readonly Presence[] }
  | { readonly kind: "typing"; readonly rows: readonly TypingRow[] };

/** Everything that tabs post to each other. */
export type TabMessage = LifecycleMessage | SharedMessage;

/** Later than the leading tab itself, where that is not slowed down. */
const NUDGE = 500;

export interface TabSyncParts {
  readonly linked: Linked;
  readonly outbox: Outbox;
  readonly acts: Acts;
  readonly tabs: Tabs<TabMessage>;
  readonly actions: Actions;
  readonly userSpace: UserSpace;
}

export class TabSync {
  private nudge: unknown;

  constructor(private readonly parts: TabSyncParts) {
    const { connection, presence, typing } = parts.linked;
    connection.subscribe(() => this.postConnection());
    presence.subscribe(() => this.postPresence());
    typing.subscribe(() => this.postTyping());
  }

  stop(): void {
    this.parts.linked.clock.clearTimeout(this.nudge);
  }

  /** Final in the leading tab. Another tab changes its memory only, until the leading tab has stored the change. */
  act(action: Action): void {
    const { tabs, actions } = this.parts;
    actions.perform(action);
    if (!tabs.isLeader) tabs.post({ kind: "action", action });
  }

  /** Takes a message of another tab. */
  receive(message: SharedMessage): void {
    const { linked, outbox, acts, tabs, actions, userSpace } = this.parts;
    switch (message.kind) {
      case "written":
        if (message.prefix === userSpace.prefix) linked.store.receive(message.batch);
        outbox.pump();
        acts.pump();
        break;
      case "action":
        if (tabs.isLeader) actions.perform(message.action);
        break;
      case "hello":
        this.postConnection();
        this.postPresence();
        this.postTyping();
        break;
      case "connection":
        if (userSpace.prefix) this.followConnection(message.state, message.error);
        break;
      case "presence":
        linked.presence.set(new Map(message.rows.map((row) => [row.userId, row])));
        break;
      case "typing":
        linked.typing.set(message.rows);
        break;
    }
  }

  private followConnection(state: Omit<ConnectionState, "error">, error: object | undefined): void {
    const { connection } = this.parts.linked;
    connection.set({ ...state, ...(error && { error: new ChatError(error as ChatError) }) });
    this.nudgeAt(state.nextAttemptAt);
  }

  /** The leading tab may be in the background, where its timers are slow; this tab's timer may fire sooner. */
  private nudgeAt(nextAttemptAt: number | undefined): void {
    const { clock } = this.parts.linked;
    clock.clearTimeout(this.nudge);
    if (nextAttemptAt === undefined) return;
    this.nudge = clock.setTimeout(() => this.act({ kind: "wake" }), Math.max(0, nextAttemptAt - clock.now()) + NUDGE);
  }

  private postConnection(): void {
    const { error, ...state } = this.parts.linked.connection.value;
    this.postAsLeader({ kind: "connection", state, ...(error && { error: error.toJSON() }) });
  }

  private postPresence(): void {
    this.postAsLeader({ kind: "presence", rows: [...this.parts.linked.presence.value.values()] });
  }

  private postTyping(): void {
    this.postAsLeader({ kind: "typing", rows: this.parts.linked.typing.value });
  }

  /** Only the leading tab's state is first-hand. */
  private postAsLeader(message: SharedMessage): void {
    const { tabs } = this.parts;
    if (tabs.isLeader) tabs.post(message);
  }
}
