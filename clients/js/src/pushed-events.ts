/** Hands each event that the server pushes to the part that keeps it. */

import type { PushHandlers } from "./connection/live-socket.js";
import type { ContactStore } from "./contacts.js";
import type { Base } from "./core.js";
import type { Delivery } from "./delivery.js";
import { ChatError } from "./errors.js";
import type { PresenceStore, TypingStore } from "./people.js";
import { key } from "./records.js";
import type { WireConversation } from "./wire.js";

export interface PushParts {
  readonly base: Base;
  readonly delivery: Delivery;
  readonly contacts: ContactStore;
  readonly presence: PresenceStore;
  readonly typing: TypingStore;
}

/** Handlers for every event but `resync`, which the connection answers itself. */
export function pushHandlers({ base, delivery, contacts, presence, typing }: PushParts): PushHandlers {
  const { clock, session, store, events, me } = base;

  /** The outcome shows in the connection, which goes on or ends. */
  function renewToken(): void {
    if (session.accessToken) session.renew(session.accessToken).catch(() => {});
  }

  function rename(profile: { id: string; name: string; avatar: string | null }): void {
    delivery.updateProfile(profile);
    contacts.rename(profile);
    if (profile.id === me()) void session.changeUser(profile);
  }

  return {
    ready: (ready) => {
      delivery.checkEpoch(ready.epoch);
      const { maxTextLength, maxTextBytes, maxGroupSize } = ready.limits;
      store.put(key.limits, { maxTextLength, maxTextBytes, maxGroupSize });
    },
    newMessage: ({ data }) => delivery.receive(data, true),
    entry: ({ data }) => delivery.receive(data, true),
    newConversation: ({ data }) => addConversation({ base, delivery, presence }, data),
    conversationDeleted: ({ data }) => delivery.hide(data.conversationId),
    ownChanged: ({ data }) => delivery.changeOwn(data),
    receipt: (receipt) => void delivery.applyReceipt(receipt),
    onlineUsers: ({ data }) => presence.setOnline(data),
    userStatusChanged: ({ userId, status, timestamp }) => presence.set(userId, status === "online", timestamp),
    userTyping: ({ userId, userName, conversationId, isTyping, expiresIn }) => {
      const until = clock.now() + expiresIn * 1000;
      typing.set({ conversationId, userId, name: userName, until }, isTyping);
    },
    userProfileUpdated: ({ userId, name, avatar }) => rename({ id: userId, name, avatar }),
    emailChanged: ({ before, email }) => {
      void session.changeUser({ id: me(), email });
      events.emit("emailChanged", { before, email });
    },
    newUserRegistered: (user) => contacts.add(user),
    tokenExpiring: renewToken,
    tokenExpired: renewToken,
    sessionRevoked: ({ code, message }) => session.reportLost(new ChatError({ code, message, statusCode: 401 })),
  };
}

/** Adds a conversation that the user is in, and loads the presence of its members. */
export function addConversation(
  { base, delivery, presence }: Pick<PushParts, "base" | "delivery" | "presence">,
  conversation: WireConversation,
): void {
  delivery.addConversation(conversation);
  if (base.isLeader()) presence.refreshUnknown(conversation.participants.map((member) => member.id));
}
