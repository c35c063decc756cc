/** The list of conversations, and the requests that create and change one. */
import { hasAllMembers, memberCount, mentionCount, unreadCount } from "./conversation-record.js";
import { type Core, isConnected, signedOutError } from "./core.js";
import { asChatError, type ChatError } from "./errors.js";
import { preview } from "./message-preview.js";
import { Source } from "./observable.js";
import { OwnSettings, settingsOf, withSettingsActs } from "./own-state.js";
import { type ActRecord, type ConversationRecord, key, type OutboxRecord, type SyncRecord } from "./records.js";
import type { Conversation, ConversationChanges, Conversations, MuteOptions, NewGroup } from "./types/conversations.js";
import type { List } from "./types/lists.js";
import type { Observable } from "./types/observable.js";
import type { Member, Role } from "./types/people.js";
import type { Entry, WireConversation } from "./wire.js";

const NONE_YET = { code: "NO_CONVERSATIONS", message: "No conversations yet. Choose a contact and say hello!" };
/** Requests may be repeated, because each carries a clientMsgId. */
const ATTEMPTS = 3;

interface View {
  readonly record: ConversationRecord;
  readonly unsent: OutboxRecord | undefined;
  /** Those on its settings, and on its last message. */
  readonly acts: readonly (readonly ActRecord[])[];
  readonly conversation: Conversation;
}

export class ConversationList implements Conversations {
  private readonly source: Source<List<Conversation>>;
  readonly subscribe: Conversations["subscribe"];
  readonly getSnapshot: Conversations["getSnapshot"];
  readonly unread: Source<number>;
  private readonly views = new Map<string, View>();
  private readonly byId = new Map<string, Source<Conversation | null>>();
  private readonly loadingMembers = new Set<string>();
  private error: ChatError | undefined;
  private readonly settings: OwnSettings;

  constructor(private readonly core: Core) {
    this.settings = new OwnSettings(core.acts);
    this.source = new Source(() => this.make());
    this.subscribe = this.source.subscribe;
    this.getSnapshot = this.source.getSnapshot;
    this.unread = new Source(() => this.source.getSnapshot().data.reduce((sum, row) => sum + row.unreadCount, 0));
    this.listen();
  }

  private listen(): void {
    const { store, connection } = this.core;
    store.events.on("record", (changed) => {
      const [kind, id] = changed.split("/", 2) as [string, string];
      if (kind === "c") this.changed(id);
      else if (kind === "o" || kind === "a") this.changed();
    });
    store.events.on("reset", () => {
      this.views.clear();
      this.changed();
    });
    connection.subscribe(() => {
      if (isConnected(connection.value)) this.error = undefined;
      this.source.changed();
      for (const [id, one] of this.byId) if (one.isUsed) void this.loadMembers(id);
    });
  }

  /** One conversation has changed; without an id, any of them may have. */
  private changed(id?: string): void {
    this.source.changed();
    this.unread.changed();
    for (const [known, one] of this.byId) {
      if (id !== undefined && id !== known) continue;
      one.changed();
      if (one.isUsed) void this.loadMembers(known);
    }
  }

  one(conversationId: string): Observable<Conversation | null> {
    let one = this.byId.get(conversationId);
    if (!one) {
      one = new Source(() => this.get(conversationId), { first: () => void this.loadMembers(conversationId) });
      this.byId.set(conversationId, one);
    }
    return one;
  }

  /** Lists and syncs name only some members of a large group. Fetches the others once somebody subscribes to it. */
  private async loadMembers(id: string): Promise<void> {
    const record = this.core.delivery.record(id);
    if (!record?.isMember || hasAllMembers(record.conversation) || this.loadingMembers.has(id)) return;
    if (!isConnected(this.core.connection.value)) return;
    this.loadingMembers.add(id);
    try {
      const params = { conversation_id: id };
      const { data } = await this.core.http.get("/api/conversations/{conversation_id}", undefined, { params });
      this.core.act({ kind: "members", conversation: data });
    } catch {
      // the members known so far stay; the next change, or subscriber, asks again
    } finally {
      this.loadingMembers.delete(id);
    }
  }

  get(conversationId: string): Conversation | null {
    const record = this.core.delivery.record(conversationId);
    return record ? this.view(record, this.core.outbox.of(conversationId).at(-1)) : null;
  }

  private make(): List<Conversation> {
    const { store, delivery, outbox, connection } = this.core;
    const unsent = new Map(outbox.all().map((row) => [row.conversationId, row]));
    const records = delivery.records().filter((record) => !record.hidden || unsent.has(record.id));
    const data = records.map((record) => this.view(record, unsent.get(record.id)));
    data.sort((a, b) => (a.updatedAt < b.updatedAt ? 1 : a.updatedAt > b.updatedAt ? -1 : a.id < b.id ? 1 : -1));
    const { value: state } = connection;
    const error = signedOutError(this.core) ?? this.error ?? (isConnected(state) ? undefined : state.error);
    const wasSynced = isConnected(state) || store.get<SyncRecord>(key.sync) !== undefined;
    const isEmpty = data.length === 0;
    return {
      status: !isEmpty ? "ready" : wasSynced ? "empty" : error ? "error" : "loading",
      data,
      stale: !isConnected(state),
      ...(error && { error }),
      ...(isEmpty && wasSynced && { reason: NONE_YET }),
    };
  }

  private view(record: ConversationRecord, unsent: OutboxRecord | undefined): Conversation {
    const known = this.views.get(record.id);
    const acts = [record.id, record.lastMessage?.id ?? ""].map((id) => this.core.acts.on(id));
    const [own = []] = acts;
    const now = withSettingsActs(record, own);
    const { isMuted } = settingsOf(now, this.core.clock.now());
    const isSame = known?.record === record && known.unsent === unsent && known.conversation.isMuted === isMuted;
    if (isSame && known.acts.every((row, index) => row === acts[index])) return known.conversation;
    const conversation = conversationOf(now, unsent, this.core);
    this.views.set(record.id, { record, unsent, acts, conversation });
    return conversation;
  }

  // -------------------------------------------------------------- with the server

  async refresh(): Promise<void> {
    try {
      if (this.core.isLeader()) await this.core.link.syncNow();
      else this.core.act({ kind: "sync" });
      this.error = undefined;
    } catch (thrown) {
      this.error = asChatError(thrown);
    }
    this.source.changed();
  }

  async openDirect(userId: string): Promise<Conversation> {
    return this.create({ type: "direct", participants: [userId] });
  }

  async createGroup({ name, memberIds, avatar = null, history = "all" }: NewGroup): Promise<Conversation> {
    const clientMsgId = this.core.newId();
    return this.create({ type: "group", participants: [...memberIds], name, avatar, history, clientMsgId });
  }

  private async create(body: {
    type: "direct" | "group";
    participants: string[];
    name?: string;
    avatar?: string | null;
    history?: string;
    clientMsgId?: string;
  }): Promise<Conversation> {
    const answer = await this.core.http.post("/api/user/conversations", body as never, { attempts: ATTEMPTS });
    return this.enter(answer.data as WireConversation);
  }

  private enter(conversation: WireConversation): Conversation {
    this.core.act({ kind: "enter", conversation });
    return this.get(conversation.id) as Conversation;
  }

  async change(conversationId: string, changes: ConversationChanges): Promise<void> {
    const params = { conversation_id: conversationId };
    const body = { ...changes, clientMsgId: this.core.newId() };
    this.apply(
      await this.core.http.patch("/api/conversations/{conversation_id}", body, { params, attempts: ATTEMPTS }),
    );
  }

  async addMembers(conversationId: string, userIds: readonly string[]): Promise<void> {
    const call = { params: { conversation_id: conversationId }, attempts: ATTEMPTS };
    const body = { userIds: [...userIds], clientMsgId: this.core.newId() };
    this.apply(await this.core.http.post("/api/conversations/{conversation_id}/members", body, call));
  }

  async removeMember(conversationId: string, userId: string): Promise<void> {
    const call = { params: { conversation_id: conversationId, user_id: userId }, attempts: ATTEMPTS };
    const query = { clientMsgId: this.core.newId() };
    this.apply(await this.core.http.delete("/api/conversations/{conversation_id}/members/{user_id}", call, query));
  }

  async changeRole(conversationId: string, userId: string, role: Role): Promise<void> {
    const call = { params: { conversation_id: conversationId, user_id: userId }, attempts: ATTEMPTS };
    const body = { role, clientMsgId: this.core.newId() };
    this.apply(await this.core.http.patch("/api/conversations/{conversation_id}/members/{user_id}", body, call));
  }

  async handOver(conversationId: string, userId: string): Promise<void> {
    const call = { params: { conversation_id: conversationId }, attempts: ATTEMPTS };
    const body = { userId, clientMsgId: this.core.newId() };
    this.apply(await this.core.http.post("/api/conversations/{conversation_id}/hand-over", body, call));
  }

  async leave(conversationId: string): Promise<void> {
    const call = { params: { conversation_id: conversationId }, attempts: ATTEMPTS };
    const body = { clientMsgId: this.core.newId() };
    this.apply(await this.core.http.post("/api/conversations/{conversation_id}/leave", body, call));
  }

  mute(conversationId: string, until: Date | "forever" | null, options?: MuteOptions): Promise<void> {
    return this.settings.mute(conversationId, until, options);
  }

  archive(conversationId: string, archived = true): Promise<void> {
    return this.settings.change(conversationId, { archived });
  }

  pinChat(conversationId: string, pinned = true): Promise<void> {
    return this.settings.change(conversationId, { pinned });
  }

  markUnread(conversationId: string, markedUnread = true): Promise<void> {
    return this.settings.change(conversationId, { markedUnread });
  }

  async hide(conversationId: string): Promise<void> {
    const call = { params: { conversation_id: conversationId }, attempts: ATTEMPTS };
    await this.core.http.delete("/api/conversations/{conversation_id}", call);
    this.core.act({ kind: "hide", id: conversationId });
  }

  /** Applies the entry that the change has written; there is none if the change was already in effect. */
  private apply(answer: { entry?: Entry }): void {
    if (answer.entry) this.core.act({ kind: "entry", entry: answer.entry });
  }
}

function conversationOf(record: ConversationRecord, unsent: OutboxRecord | undefined, core: Core): Conversation {
  const { conversation } = record;
  const me = core.me();
  const members = conversation.participants.map(({ id, name, email, avatar, role }): Member => {
    const marks = record.receipts[id] ?? { deliveredSeq: 0, readSeq: 0 };
    return { id, name, email, avatar, role: role as Role, ...marks };
  });
  const isDirect = conversation.type === "direct";
  const partner = isDirect ? (members.find((member) => member.id !== me) ?? null) : null;
  const lastMessage = preview(record, unsent, core.acts.on(record.lastMessage?.id ?? ""), me);
  return {
    id: record.id,
    type: conversation.type,
    title: (isDirect ? partner?.name : conversation.name) ?? "",
    avatar: (isDirect ? partner?.avatar : conversation.avatar) ?? null,
    history: conversation.history,
    whoMayPin: conversation.whoMayPin ?? "everyone", // records of older versions lack it
    members,
    memberCount: memberCount(conversation),
    partner,
    role: record.isMember ? (members.find((member) => member.id === me)?.role ?? null) : null,
    isMember: record.isMember,
    lastMessage,
    unreadCount: unreadCount(record),
    mentionCount: mentionCount(record),
    readSeq: record.readSeq,
    headSeq: record.headSeq,
    ...settingsOf(record, core.clock.now()),
    createdBy: conversation.createdBy,
    createdAt: conversation.createdAt,
    updatedAt: unsent && unsent.createdAt > record.updatedAt ? unsent.createdAt : record.updatedAt,
  };
}
