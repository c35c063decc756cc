/** createChat puts the parts together; this is the only place where they know of each other. */
import { AccountDesk } from "./accounts.js";
import { defaultTiming, systemClock } from "./clock.js";
import { Directory } from "./contacts.js";
import { ConversationList } from "./conversations.js";
import { type Core, signedOutError, type TypingRow } from "./core.js";
import { Delivery } from "./delivery.js";
import { DraftOf } from "./drafts.js";
import { asChatError, type ChatError, storageFailed } from "./errors.js";
import { Events } from "./events.js";
import { Foreground } from "./foreground.js";
import { Http } from "./http.js";
import { deviceId, newId } from "./id.js";
import { Link } from "./link.js";
import { Cell, Emitter, Source } from "./observable.js";
import type { ChatOptions } from "./options.js";
import { Outbox } from "./outbox.js";
import { PresenceBook, TypingIn, TypingLeases } from "./people.js";
import { listenToPlatform } from "./platform.js";
import { Receipts } from "./receipts.js";
import { key } from "./records.js";
import { Session } from "./session.js";
import { type Post, Sharing } from "./sharing.js";
import { toStorage, toTokenStorage } from "./storage/adapters.js";
import { GuardedStorage } from "./storage/guarded.js";
import type { ChatStorage } from "./storage/storage.js";
import { Store } from "./store.js";
import { Tabs, tabPlatform } from "./tabs.js";
import { ConversationMessages } from "./timeline.js";
import type {
  Account,
  Chat,
  ChatEvents,
  Connection,
  ConnectionState,
  Presence,
  ServerLimits,
  Unsubscribe,
} from "./types.js";

const UNKNOWN_LIMITS: ServerLimits = { maxTextLength: 10_000, maxTextBytes: 65_536, maxGroupSize: 256 };
const SIGNED_OUT: ConnectionState = { status: "signed-out", attempts: 0 };

/** A chat with the server at `url`. Nothing has to be started: what is stored is read, and it connects by itself. */
export function createChat(options: ChatOptions): Chat {
  return new ChatClient(options);
}

class ChatClient implements Chat {
  readonly accounts: AccountDesk;
  readonly contacts: Directory;
  readonly conversations: ConversationList;
  readonly presence: PresenceBook;
  readonly connection: Connection;
  readonly limits: Source<ServerLimits>;
  readonly ready: Promise<void>;

  private readonly core: Core;
  private readonly tabs: Tabs<Post>;
  private readonly receipts: Receipts;
  private readonly typingLeases: TypingLeases;
  private readonly sharing: Sharing;
  private readonly foreground: Foreground;
  private readonly account: Source<Account>;
  private readonly namespace: string;
  private readonly isShared: boolean;
  private readonly storage: GuardedStorage;
  private readonly messagesOf = new Map<string, ConversationMessages>();
  private readonly draftsOf = new Map<string, DraftOf>();
  private readonly typingOf = new Map<string, TypingIn>();
  private switching: Promise<void> = Promise.resolve();
  private openUser = "";
  private isClosed = false;
  private readonly stopListening: Unsubscribe;

  constructor(options: ChatOptions) {
    const url = options.url.replace(/\/+$/, "");
    this.namespace = options.namespace ?? `chatapp:${url}`;
    const clock = options.clock ?? systemClock;
    const timing = { ...defaultTiming, ...options.timing };
    const random = options.random ?? Math.random;
    const makeId = () => newId(random);
    const guarded = (given: ChatStorage, isDroppable: (key: string) => boolean) =>
      new GuardedStorage({
        storage: given,
        clock,
        limit: timing.storageTimeout,
        probe: `${this.namespace}/session`,
        isDroppable,
        onFailure: (error) => this.report(error),
      });
    const storage = guarded(toStorage(options.storage), (name) => name.startsWith(`${this.namespace}/u/`));
    const tokens = options.tokenStorage && guarded(toTokenStorage(options.tokenStorage), () => false);
    const fetcher = options.fetch ?? ((...call: Parameters<typeof fetch>) => fetch(...call));
    const platform = options.tabs === false || !storage.shared ? undefined : (options.tabs ?? tabPlatform());

    this.storage = storage;
    this.tabs = new Tabs<Post>(this.namespace, platform, clock, timing);
    this.isShared = platform !== undefined;
    const http = new Http({ url, fetch: fetcher, clock, timing, random });
    const session = new Session({
      key: `${this.namespace}/session`,
      storage: tokens ?? storage,
      ...(tokens && { formerStorage: storage }),
      http,
      tabs: this.tabs,
      clock,
      timing,
      newId: makeId,
      onChange: (account, isOurs) => this.onSession(account, isOurs),
      onStorageFailure: (thrown) => this.report(storageFailure(thrown)),
    });
    http.tokens = session;
    this.account = new Source(() => session.account);
    const store = new Store({
      storage,
      writes: (recordKey) => this.tabs.isLeader || (recordKey !== undefined && isAnyTabs(recordKey)),
      onWritten: (batch, prefix) => this.tabs.post({ kind: "written", prefix, batch }),
      onFailure: (error) => this.report(error),
    });
    const me = () => session.account.user?.id ?? "";
    const events = new Emitter<ChatEvents>();
    const delivery = new Delivery({
      store,
      me,
      onGap: () => link.syncSoon(),
      onApplied: (entries, isLive) => said.applied(entries, isLive),
    });
    const link = new Link({
      url,
      transports: options.transports ?? ["polling", "websocket"],
      socketAttempts: options.socketAttempts ?? 3,
      clock,
      timing,
      random,
      http,
      session,
      handlers: () => said.handlers(),
      sync: (ask, isLive) => delivery.sync(ask, isLive),
      onState: (state) => {
        const before = this.core.connection.value;
        this.core.connection.set(state);
        said.connectionChanged(before, state);
      },
      onTransport: () => {
        outbox.pump();
        this.receipts.resume();
      },
    });
    const outbox = new Outbox({
      store,
      clock,
      timing,
      random,
      newId: makeId,
      canSend: () => this.tabs.isLeader && link.transport !== undefined,
      deliver: (message) => said.deliver(message),
      onSent: (entry) => {
        delivery.take(entry, false);
        outbox.sweep(entry.conversationId, delivery.record(entry.conversationId)?.cursor ?? 0);
      },
      refusal: () => signedOutError(this.core),
    });
    this.limits = new Source(() => store.get<ServerLimits>(key.limits) ?? UNKNOWN_LIMITS);
    store.events.on("record", (changed) => changed === key.limits && this.limits.changed());
    store.events.on("reset", () => this.limits.changed());
    this.core = {
      clock,
      timing,
      random,
      newId: makeId,
      http,
      session,
      store,
      delivery,
      outbox,
      link,
      events,
      connection: new Cell(SIGNED_OUT),
      presence: new Cell<ReadonlyMap<string, Presence>>(new Map()),
      typing: new Cell<readonly TypingRow[]>([]),
      me,
      leads: () => this.tabs.isLeader,
      act: (action) => this.sharing.act(action),
      report: (error) => this.report(error),
    };
    this.receipts = new Receipts(this.core);
    this.typingLeases = new TypingLeases(this.core);
    this.accounts = new AccountDesk({
      core: this.core,
      account: this.account,
      device: async () => ({
        ...(options.deviceName !== undefined && { deviceName: options.deviceName }),
        ...(options.client !== undefined && { client: options.client }),
        ...(await deviceId(storage, `${this.namespace}/device`, makeId)),
      }),
      ready: () => this.ready,
      settled: () => this.switching,
      erase: (userId) => this.erase(userId),
      eraseOthers: (userId) => store.erase(`${this.namespace}/u/`, this.prefix(userId)),
    });
    this.contacts = new Directory(this.core);
    this.conversations = new ConversationList(this.core);
    this.presence = new PresenceBook(this.core);
    this.connection = {
      subscribe: this.core.connection.subscribe,
      getSnapshot: this.core.connection.getSnapshot,
      retryNow: () => {
        this.foreground.used();
        this.sharing.act({ kind: "wake" });
      },
      setOnline: (isOnline) => link.setOnline(isOnline),
      setForeground: (isForeground) => (isForeground ? this.cameBack() : this.wentAway()),
    };
    this.foreground = new Foreground(this.core);
    const { core, contacts, presence, receipts, typingLeases } = this;
    const said = new Events({ core, contacts, presence, receipts, typing: typingLeases });
    this.sharing = new Sharing({
      core,
      tabs: this.tabs,
      perform: (action) => said.perform(action),
      prefix: () => (this.openUser ? this.prefix(this.openUser) : undefined),
      onSession: (changed) => session.heard(changed).catch((thrown) => this.report(storageFailure(thrown))),
      onErase: (prefix) => this.forgetToo(prefix),
    });
    this.stopListening = listenToPlatform(this.connection, () => this.saveDrafts());
    this.ready = this.start();
  }

  // -------------------------------------------------------------- start, sign-in, end

  /** Ends in time whatever the device does: what can't be read is told, and everything works without it. */
  private async start(): Promise<void> {
    const { session } = this.core;
    const failure = await this.storage.check();
    try {
      await session.restore();
      if (failure && session.account.status === "signed-out") session.unreadable(failure);
    } catch (thrown) {
      session.unreadable(storageFailure(thrown));
    }
    await this.switching;
    if (this.isClosed) return;
    const listener = {
      lead: () => this.lead(),
      follow: () => this.follow(),
      hear: (post: Post) => this.sharing.hear(post),
    };
    this.tabs.start(listener, failure !== undefined);
    this.tabs.post({ kind: "hello" });
  }

  private cameBack(): void {
    this.foreground.back();
    this.tabs.challengeLeader();
    this.sharing.act({ kind: "wake" });
  }

  /** Tabs of a browser keep the connection that they share. */
  private wentAway(): void {
    this.saveDrafts();
    if (!this.isShared) this.foreground.leave();
  }

  private prefix(userId: string): string {
    return `${this.namespace}/u/${userId}/`;
  }

  /** This tab has the connection from now on: what is stored counts, the tab before may have written more. */
  private lead(): void {
    this.queue(async () => {
      if (!this.openUser) return;
      if (this.isShared) await this.core.store.open(this.prefix(this.openUser));
      this.core.link.start();
      this.core.outbox.pump();
    });
  }

  /** Another tab has taken the connection. */
  private follow(): void {
    this.queue(async () => {
      this.stopWork();
      if (this.openUser) this.core.connection.set({ status: "connecting", attempts: 0 });
      this.tabs.post({ kind: "hello" });
    });
  }

  private stopWork(): void {
    this.core.link.stop();
    this.core.outbox.stop();
    this.receipts.stop();
    this.typingLeases.clear();
    this.core.delivery.clear();
  }

  private onSession(account: Account, isOurs: boolean): void {
    this.account.changed();
    const session = account.status === "signed-out" ? null : this.core.session.unstored;
    if (isOurs) this.tabs.post({ kind: "session", ...(session !== undefined && { session }) });
    if (account.status === "signed-out" && account.reason) this.core.events.emit("signedOut", account.reason);
    const refusal = signedOutError(this.core);
    if (refusal) this.core.outbox.refuse(refusal);
    const userId = account.user?.id ?? "";
    if (userId !== this.openUser || !userId) {
      this.openUser = userId;
      this.queue(() => this.switchTo(userId));
    } else this.reauthenticate();
  }

  private async erase(userId: string): Promise<void> {
    this.tabs.post({ kind: "erase", prefix: this.prefix(userId) });
    await this.core.store.erase(this.prefix(userId));
  }

  /** Another tab erases this user's data: what this one was about to write must not come after it. */
  private forgetToo(prefix: string): void {
    const { store } = this.core;
    if (prefix === this.prefix(this.openUser)) store.abandon();
    this.queue(async () => {
      await store.flush();
      await store.erase(prefix);
    });
  }

  private queue(work: () => Promise<void>): void {
    this.switching = this.switching.then(work).catch((thrown) => this.report(asChatError(thrown)));
  }

  private async switchTo(userId: string): Promise<void> {
    const { link, store } = this.core;
    this.stopWork();
    this.saveDrafts();
    await store.close();
    this.core.presence.set(new Map());
    this.core.connection.set(SIGNED_OUT);
    if (!userId || this.isClosed) return;
    await store.open(this.prefix(userId));
    if (this.tabs.isLeader) link.start();
    else this.tabs.post({ kind: "hello" });
  }

  /** The socket goes on with the new access token. */
  private reauthenticate(): void {
    const token = this.core.session.accessToken;
    if (this.tabs.isLeader && this.core.store.isOpen) this.core.link.start(); // where the tokens before were no good
    const socket = this.core.link.liveSocket;
    if (!token || !socket) return;
    socket.request("auth:refresh", { token }).catch(() => this.core.link.suspect());
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.stopListening();
    await this.switching;
    this.saveDrafts();
    this.stopWork();
    this.sharing.stop();
    this.foreground.stop();
    this.core.session.stop();
    await this.core.store.flush();
    this.tabs.stop();
  }

  private saveDrafts(): void {
    for (const draft of this.draftsOf.values()) draft.save();
  }

  // -------------------------------------------------------------- parts by conversation

  messages(conversationId: string): ConversationMessages {
    return memo(this.messagesOf, conversationId, () => {
      return new ConversationMessages(this.core, conversationId, () => {
        this.foreground.used();
        this.typing(conversationId).sent();
      });
    });
  }

  draft(conversationId: string): DraftOf {
    return memo(this.draftsOf, conversationId, () => new DraftOf(this.core, conversationId));
  }

  typing(conversationId: string): TypingIn {
    return memo(this.typingOf, conversationId, () => new TypingIn(this.core, conversationId));
  }

  on<Name extends keyof ChatEvents>(name: Name, listener: (value: ChatEvents[Name]) => void): Unsubscribe {
    return this.core.events.on(name, listener);
  }

  private report(error: ChatError): void {
    this.core.events.emit("error", error);
  }
}

/** Records that whichever tab made them writes: the leading tab has nothing to add to them. */
function isAnyTabs(recordKey: string): boolean {
  return /^(o|d)\/|^(contacts|privacy)$/.test(recordKey);
}

function memo<T>(known: Map<string, T>, id: string, make: () => T): T {
  const found = known.get(id) ?? make();
  known.set(id, found);
  return found;
}

function storageFailure(thrown: unknown): ChatError {
  return storageFailed("The device's storage failed", thrown, "The session may be lost when the app ends.");
}
