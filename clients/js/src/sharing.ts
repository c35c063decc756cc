/** What tabs tell each other: what was written, how things stand, and what the leading one is to do. */

import type { StoredBatch } from "./batch.js";
import type { Action, Core, TypingRow } from "./core.js";
import { ChatError } from "./errors.js";
import type { StoredSession } from "./session.js";
import type { Tabs } from "./tabs.js";
import type { ConnectionState, Presence } from "./types.js";

export type Post =
  | { readonly kind: "written"; readonly prefix: string; readonly batch: StoredBatch }
  | { readonly kind: "action"; readonly action: Action }
  /** The session is another one: as stored, as given where storage has refused it, or none. */
  | { readonly kind: "session"; readonly session?: StoredSession | null }
  | { readonly kind: "erase"; readonly prefix: string }
  | { readonly kind: "hello" }
  | { readonly kind: "connection"; readonly state: Omit<ConnectionState, "error">; readonly error?: object }
  | { readonly kind: "presence"; readonly rows: readonly Presence[] }
  | { readonly kind: "typing"; readonly rows: readonly TypingRow[] };

/** Later than the leading tab itself, where that is not slowed down. */
const NUDGE = 500;

export interface SharingOptions {
  readonly core: Core;
  readonly tabs: Tabs<Post>;
  /** Does what an action says, in this tab. */
  readonly perform: (action: Action) => void;
  /** The prefix of what is open here; undefined while nobody is signed in. */
  readonly prefix: () => string | undefined;
  /** Another tab has changed the session. */
  readonly onSession: (session: StoredSession | null | undefined) => void;
  /** Another tab erases everything below the prefix. */
  readonly onErase: (prefix: string) => void;
}

export class Sharing {
  private nudge: unknown;

  constructor(private readonly options: SharingOptions) {
    const { connection, presence, typing } = options.core;
    connection.subscribe(() => this.tellConnection());
    presence.subscribe(() => this.tellPresence());
    typing.subscribe(() => this.tellTyping());
  }

  stop(): void {
    this.options.core.clock.clearTimeout(this.nudge);
  }

  /** In the leading tab for good; in others in memory, until the leading tab says the same. */
  act(action: Action): void {
    const { tabs, perform } = this.options;
    perform(action);
    if (!tabs.isLeader) tabs.post({ kind: "action", action });
  }

  hear(post: Post): void {
    const { core, tabs, perform, prefix, onSession, onErase } = this.options;
    switch (post.kind) {
      case "written":
        if (post.prefix === prefix()) core.store.hear(post.batch);
        core.outbox.pump();
        break;
      case "session":
        onSession(post.session);
        break;
      case "erase":
        onErase(post.prefix);
        break;
      case "action":
        if (tabs.isLeader) perform(post.action);
        break;
      case "hello":
        this.tellConnection();
        this.tellPresence();
        this.tellTyping();
        break;
      case "connection":
        if (prefix()) this.follow(post.state, post.error);
        break;
      case "presence":
        core.presence.set(new Map(post.rows.map((row) => [row.userId, row])));
        break;
      case "typing":
        core.typing.set(post.rows);
        break;
    }
  }

  private follow(state: Omit<ConnectionState, "error">, error: object | undefined): void {
    const { connection } = this.options.core;
    connection.set({ ...state, ...(error && { error: new ChatError(error as ChatError) }) });
    this.nudgeAt(state.nextAttemptAt);
  }

  /** The leading tab may be in the background, where its timers are slow: this one's may be quicker. */
  private nudgeAt(nextAttemptAt: number | undefined): void {
    const { clock } = this.options.core;
    clock.clearTimeout(this.nudge);
    if (nextAttemptAt === undefined) return;
    this.nudge = clock.setTimeout(() => this.act({ kind: "wake" }), Math.max(0, nextAttemptAt - clock.now()) + NUDGE);
  }

  private tellConnection(): void {
    const { error, ...state } = this.options.core.connection.value;
    this.tell({ kind: "connection", state, ...(error && { error: error.toJSON() }) });
  }

  private tellPresence(): void {
    this.tell({ kind: "presence", rows: [...this.options.core.presence.value.values()] });
  }

  private tellTyping(): void {
    this.tell({ kind: "typing", rows: this.options.core.typing.value });
  }

  /** Only the leading tab knows. */
  private tell(post: Post): void {
    const { tabs } = this.options;
    if (tabs.isLeader) tabs.post(post);
  }
}
