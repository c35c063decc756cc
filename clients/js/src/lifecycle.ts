/** Start, sign-in, the lead among the tabs, and the end: everything that starts and stops the other parts. */
import type { ByConversation } from "./by-conversation.js";
import { type Core, signedOutError } from "./core.js";
import type { ConversationDraft } from "./drafts.js";
import type { Environment } from "./environment.js";
import { asChatError, sessionStorageFailed } from "./errors.js";
import type { Foreground } from "./foreground.js";
import type { TypingStore } from "./people.js";
import type { Receipts } from "./receipts.js";
import type { TabMessage, TabSync } from "./tab-sync.js";
import type { Account } from "./types/accounts.js";
import type { ConnectionState } from "./types/connection.js";

export const SIGNED_OUT: ConnectionState = { status: "signed-out", attempts: 0 };

export interface LifecycleParts {
  readonly environment: Pick<Environment, "storage" | "userSpace" | "tabs" | "isShared">;
  readonly core: Core;
  readonly receipts: Receipts;
  readonly typing: TypingStore;
  readonly foreground: Foreground;
  readonly tabSync: TabSync;
  readonly drafts: ByConversation<ConversationDraft>;
}

export class Lifecycle {
  /** Resolves when the stored session has been read. */
  ready: Promise<void> = Promise.resolve();
  private switching: Promise<void> = Promise.resolve();
  private isClosed = false;

  constructor(private readonly parts: LifecycleParts) {
    parts.core.session.events.on("changed", ({ account, isOurs }) => this.sessionChanged(account, isOurs));
  }

  /** Resolves when the current user's data is open. */
  get settled(): Promise<void> {
    return this.switching;
  }

  start(): void {
    this.ready = this.restore();
  }

  /** Ends in time whatever the device does: a storage that can't be read is reported, and all else works without it. */
  private async restore(): Promise<void> {
    const { storage, tabs } = this.parts.environment;
    const { session } = this.parts.core;
    const failure = await storage.check();
    try {
      await session.restore();
      if (failure && session.account.status === "signed-out") session.unreadable(failure);
    } catch (thrown) {
      session.unreadable(sessionStorageFailed(thrown));
    }
    await this.switching;
    if (this.isClosed) return;
    const listener = {
      lead: () => this.lead(),
      follow: () => this.follow(),
      receive: (message: TabMessage) => this.receive(message),
    };
    tabs.start(listener, failure !== undefined);
    tabs.post({ kind: "hello" });
  }

  async close(): Promise<void> {
    const { environment, core, foreground, tabSync } = this.parts;
    this.isClosed = true;
    await this.switching;
    this.saveDrafts();
    this.stopWork();
    tabSync.stop();
    foreground.stop();
    core.session.stop();
    await core.store.flush();
    environment.tabs.stop();
  }

  saveDrafts(): void {
    for (const draft of this.parts.drafts.all()) draft.save();
  }

  /** Runs after everything that was queued before; a failure is reported. */
  private queue(work: () => Promise<void>): void {
    this.switching = this.switching.then(work).catch((thrown) => this.parts.core.report(asChatError(thrown)));
  }

  private stopWork(): void {
    const { core, receipts, typing } = this.parts;
    core.link.stop();
    core.outbox.stop();
    core.acts.stop();
    receipts.stop();
    typing.clear();
    core.delivery.clear();
  }

  // -------------------------------------------------------------- tabs

  /** This tab has the connection from now on. It reads the store again: the tab before may have written more. */
  private lead(): void {
    const { environment, core } = this.parts;
    this.queue(async () => {
      const { prefix } = environment.userSpace;
      if (!prefix) return;
      if (environment.isShared) await core.store.open(prefix);
      core.link.start();
      core.outbox.pump();
      core.acts.pump();
    });
  }

  /** Another tab has taken the connection. */
  private follow(): void {
    const { environment, core } = this.parts;
    this.queue(async () => {
      this.stopWork();
      if (environment.userSpace.userId) core.connection.set({ status: "connecting", attempts: 0 });
      environment.tabs.post({ kind: "hello" });
    });
  }

  private receive(message: TabMessage): void {
    const { core, tabSync } = this.parts;
    if (message.kind === "session") {
      core.session.receive(message.session).catch((thrown) => core.report(sessionStorageFailed(thrown)));
    } else if (message.kind === "erase") this.erasedElsewhere(message.prefix);
    else tabSync.receive(message);
  }

  // -------------------------------------------------------------- session and user

  private sessionChanged(account: Account, isOurs: boolean): void {
    const { environment, core } = this.parts;
    const { tabs, userSpace } = environment;
    const session = account.status === "signed-out" ? null : core.session.unstored;
    if (isOurs) tabs.post({ kind: "session", ...(session !== undefined && { session }) });
    if (account.status === "signed-out" && account.reason) core.events.emit("signedOut", account.reason);
    const refusal = signedOutError(core);
    if (refusal) core.outbox.failUnstored(refusal);
    const userId = account.user?.id ?? "";
    if (userId === userSpace.userId && userId) {
      this.reauthenticate();
      return;
    }
    userSpace.userId = userId;
    this.queue(() => this.switchTo(userId));
  }

  private async switchTo(userId: string): Promise<void> {
    const { environment, core } = this.parts;
    this.stopWork();
    this.saveDrafts();
    await core.store.close();
    core.presence.set(new Map());
    core.connection.set(SIGNED_OUT);
    if (!userId || this.isClosed) return;
    await core.store.open(environment.userSpace.prefixOf(userId));
    if (environment.tabs.isLeader) core.link.start();
    else environment.tabs.post({ kind: "hello" });
  }

  /** The socket goes on with the new access token. */
  private reauthenticate(): void {
    const { isLeader, session, store, link } = this.parts.core;
    if (isLeader() && store.isOpen) link.start(); // it has stopped where the tokens before were refused
    const token = session.accessToken;
    const socket = link.liveSocket;
    if (!token || !socket) return;
    socket.request("auth:refresh", { token }).catch(() => link.checkAlive());
  }

  // -------------------------------------------------------------- erasing

  /** Stops, and removes all data of the user from the device. */
  erase(userId: string): Promise<void> {
    const { tabs, userSpace } = this.parts.environment;
    const { store } = this.parts.core;
    const prefix = userSpace.prefixOf(userId);
    this.queue(async () => {
      this.stopWork();
      store.abandon();
      tabs.post({ kind: "erase", prefix });
      await store.flush();
      await store.erase(prefix);
    });
    return this.switching;
  }

  /** Removes all data of all other users from the device. */
  async eraseOthers(userId: string): Promise<void> {
    const { userSpace } = this.parts.environment;
    await this.parts.core.store.erase(userSpace.root, userSpace.prefixOf(userId));
  }

  /** Another tab erases this user's data. This tab's pending changes must not be written after that. */
  private erasedElsewhere(prefix: string): void {
    const { store } = this.parts.core;
    if (prefix === this.parts.environment.userSpace.prefix) store.abandon();
    this.queue(async () => {
      await store.flush();
      await store.erase(prefix);
    });
  }
}
