/** What the server says, what the parts make of it, and what is done on the user's behalf: in the leading tab. */
import type { Directory } from "./contacts.js";
import type { Action, Core } from "./core.js";
import { asChatError, ChatError } from "./errors.js";
import type { PresenceBook, TypingLeases } from "./people.js";
import type { Receipts } from "./receipts.js";
import { key, type OutboxRecord } from "./records.js";
import { Shown } from "./shown.js";
import type { SocketHandlers } from "./socket.js";
import type { ConnectionState } from "./types.js";
import { author, type Entry, type WireConversation } from "./wire.js";

export interface Parts {
  readonly core: Core;
  readonly contacts: Directory;
  readonly presence: PresenceBook;
  readonly receipts: Receipts;
  readonly typing: TypingLeases;
}

export class Events {
  constructor(private readonly parts: Parts) {}

  handlers(): SocketHandlers {
    const { core, contacts, presence, typing } = this.parts;
    return {
      ready: (ready) => {
        core.delivery.meetEpoch(ready.epoch);
        const { maxTextLength, maxTextBytes, maxGroupSize } = ready.limits;
        core.store.put(key.limits, { maxTextLength, maxTextBytes, maxGroupSize });
      },
      newMessage: ({ data }) => core.delivery.take(data, true),
      entry: ({ data }) => core.delivery.take(data, true),
      newConversation: ({ data }) => this.enter(data),
      conversationDeleted: ({ data }) => core.delivery.hide(data.conversationId),
      receipt: (receipt) => void core.delivery.receipt(receipt),
      resync: () => this.perform({ kind: "sync" }),
      onlineUsers: ({ data }) => presence.online(data),
      userStatusChanged: ({ userId, status, timestamp }) => presence.changed(userId, status === "online", timestamp),
      userTyping: ({ userId, userName, conversationId, isTyping, expiresIn }) => {
        const until = core.clock.now() + expiresIn * 1000;
        typing.heard({ conversationId, userId, name: userName, until }, isTyping);
      },
      userProfileUpdated: ({ userId, name, avatar }) => this.renamed({ id: userId, name, avatar }),
      emailChanged: ({ before, email }) => {
        void core.session.changeUser({ id: core.me(), email });
        core.events.emit("emailChanged", { before, email });
      },
      newUserRegistered: (user) => contacts.joined(user),
      tokenExpiring: () => this.renew(),
      tokenExpired: () => this.renew(),
      sessionRevoked: ({ code, message }) => core.session.lost(new ChatError({ code, message, statusCode: 401 })),
    };
  }

  /** What comes of it shows in the connection: it goes on, or ends. */
  private renew(): void {
    const { session } = this.parts.core;
    if (session.accessToken) session.renew(session.accessToken).catch(() => {});
  }

  private enter(conversation: WireConversation): void {
    const { core, presence } = this.parts;
    core.delivery.enter(conversation);
    if (core.leads()) presence.meet(conversation.participants.map((member) => member.id));
  }

  private renamed(profile: { id: string; name: string; avatar: string | null }): void {
    const { core, contacts } = this.parts;
    core.delivery.profile(profile);
    contacts.renamed(profile);
    if (profile.id === core.me()) void core.session.changeUser(profile);
  }

  perform(action: Action): void {
    const { core, receipts } = this.parts;
    const { delivery, link } = core;
    switch (action.kind) {
      case "entry":
        delivery.take(action.entry, false);
        break;
      case "enter":
        this.enter(action.conversation);
        break;
      case "members":
        delivery.members(action.conversation);
        break;
      case "fill":
        delivery.fill(action.id, action.entries, action.from, action.to);
        break;
      case "lost":
        delivery.lose(action.id, action.from, action.to);
        break;
      case "hide":
        delivery.hide(action.id);
        break;
      case "read":
        void delivery.read(action.id, action.seq);
        if (core.leads()) receipts.read(action.id, action.seq);
        break;
      case "typing":
        this.tellTyping(action.id, action.isTyping);
        break;
      case "sync":
        if (core.leads()) link.syncNow().catch((thrown) => core.report(asChatError(thrown)));
        break;
      case "wake":
        link.wake();
        break;
    }
  }

  /** What does not get through is no loss: typing ends by itself. */
  private tellTyping(conversationId: string, isTyping: boolean): void {
    const socket = this.parts.core.link.liveSocket;
    socket?.request("typing", { conversationId, isTyping }).catch(() => {});
  }

  connectionChanged(before: ConnectionState, now: ConnectionState): void {
    const { presence, typing } = this.parts;
    if (now.status === "api") void presence.refresh(); // nobody tells: ask each time the socket is tried
    if (now.status === before.status) return;
    if (now.status === "live") void presence.refresh();
    else if (before.status === "live") typing.clear();
  }

  /** Entries were applied to the log; `isLive` when they have come just now. */
  applied(entries: readonly Entry[], isLive: boolean): void {
    const { core, receipts } = this.parts;
    const own = entries.filter((entry) => author(entry).id === core.me());
    if (own.length > 0) core.outbox.settle(new Set(own.map((entry) => entry.clientMsgId)));
    const last = entries.at(-1);
    if (last) core.outbox.sweep(last.conversationId, last.seq);
    if (!core.leads()) return;
    receipts.applied(entries);
    for (const entry of entries) this.appliedOne(entry, isLive);
  }

  private appliedOne(entry: Entry, isLive: boolean): void {
    const { core, presence, typing } = this.parts;
    if (entry.type === "member_added") {
      const record = core.delivery.record(entry.conversationId);
      presence.meet(record?.conversation.participants.map((member) => member.id) ?? []);
    }
    if (entry.type !== "message") return;
    const { id } = author(entry);
    typing.end(entry.conversationId, id);
    if (isLive && id !== core.me()) this.announce(entry);
  }

  private announce(entry: Entry): void {
    const { core } = this.parts;
    const item = new Shown(core.me).item(entry);
    if (item?.kind === "message") core.events.emit("message", item);
  }

  /** One attempt to send, over the transport there is; gives the acknowledged entry. */
  async deliver({ conversationId, clientMsgId, content, attachment }: OutboxRecord): Promise<Entry> {
    const { link, http } = this.parts.core;
    const body = { clientMsgId, content, attachment };
    const socket = link.liveSocket;
    if (!socket) {
      const params = { conversation_id: conversationId };
      return (await http.post("/api/conversations/{conversation_id}/messages", body, { params })).data;
    }
    try {
      return (await socket.request("newMessage", { conversationId, ...body })).data;
    } catch (thrown) {
      if (asChatError(thrown).code === "TIMEOUT") link.suspect();
      throw thrown;
    }
  }
}
