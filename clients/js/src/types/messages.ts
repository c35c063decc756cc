/** Messages, their status and receipts, and the draft of the next one. */
import type { ChatError } from "../errors.js";
import type { SettingsChanges } from "./conversations.js";
import type { Observable } from "./observable.js";
import type { User } from "./people.js";

/**
 * `sending`: stored on this device, not yet acknowledged. `failed`: refused for good; retry or discard it.
 * `sent`: stored by the server. `delivered`, `read`: every other member got it, or read it.
 */
export type MessageStatus = "sending" | "failed" | "sent" | "delivered" | "read";

/** `document` is any attachment that is none of the others. */
export type ContentKind = "text" | "image" | "video" | "voice" | "document";

/** An emoji, and the users who have reacted with it. */
export interface Reaction {
  readonly emoji: string;
  readonly count: number;
  /** Their ids. */
  readonly users: readonly string[];
  /** The user is among them. */
  readonly mine: boolean;
}

/**
 * The message that a reply refers to, as it is now. `unavailable`: it was deleted, or the user may not see it. Of an unsent
 * reply to a message that is not loaded, there is only the id.
 */
export interface Quote {
  readonly id: string;
  readonly unavailable: boolean;
  readonly seq: number | null;
  readonly sender: Pick<User, "id" | "name" | "avatar"> | null;
  readonly contentKind: ContentKind;
  /** The first 200 characters of its text. */
  readonly preview: string;
}

/** Somebody who is named in a text; `userId` may be `everyone`. Places are counted as in a string of JavaScript. */
export interface Mention {
  readonly userId: string;
  readonly offset: number;
  readonly length: number;
}

export interface Message {
  readonly kind: "message";
  /** The same from the optimistic message on: a key for lists. */
  readonly key: string;
  /** The server's id; null until the message is sent. */
  readonly id: string | null;
  readonly conversationId: string;
  /** Its place in the conversation's log; null until the message is sent. */
  readonly seq: number | null;
  readonly clientMsgId: string;
  readonly content: string;
  readonly attachment: string | null;
  /** The kind of the message; `kind` is that of the timeline's item. */
  readonly contentKind: ContentKind;
  readonly sender: Pick<User, "id" | "name" | "avatar">;
  readonly replyTo: Quote | null;
  readonly mentions: readonly Mention[];
  /** It is a copy of another message, after so many steps. */
  readonly forwarded: { readonly hops: number } | null;
  readonly mine: boolean;
  readonly createdAt: string;
  /** The time of its sender's last edit. */
  readonly editedAt: string | null;
  /** It was deleted for everyone: a tombstone stands in its place, without text or attachment. */
  readonly deleted: boolean;
  /** In the order in which they came. */
  readonly reactions: readonly Reaction[];
  /** Starred by the user: it is in `chat.stars`. */
  readonly starred: boolean;
  readonly pinned: boolean;
  /** The end of the pin, if it has one. */
  readonly pinnedUntil: string | null;
  /** An act on it is shown already, and not acknowledged yet. */
  readonly changing: boolean;
  readonly status: MessageStatus;
  /** Of own messages: how many of the other members have got it, and read it. */
  readonly deliveredTo: number;
  readonly readBy: number;
  /** Why it failed. */
  readonly error?: ChatError;
}

/** An act on a message, or on the user's own settings of a conversation. */
export type Act =
  | { readonly kind: "edit"; readonly content: string; readonly mentions?: readonly Mention[] }
  | { readonly kind: "delete" }
  | { readonly kind: "star"; readonly on: boolean }
  | { readonly kind: "react"; readonly emoji: string; readonly on: boolean }
  | { readonly kind: "pin"; readonly until: string | null }
  | { readonly kind: "unpin" }
  /** Deletes it for the user alone. */
  | { readonly kind: "hide" }
  | { readonly kind: "settings"; readonly changes: SettingsChanges };

/** An act that was shown, and is taken back: the server has refused it. */
export interface Refused {
  readonly conversationId: string;
  /** Null for settings. */
  readonly messageId: string | null;
  readonly act: Act;
  readonly error: ChatError;
}

export interface Outgoing {
  readonly content?: string;
  /** The address of a file that was uploaded elsewhere. */
  readonly attachment?: string | null;
  /** The id of a message of the same conversation. */
  readonly replyTo?: string;
  /** Of members alone; a group's owner and admins may mention `everyone`. */
  readonly mentions?: readonly Mention[];
}

/** One member's receipt of a message: when it was delivered and read. */
export interface MessageReceipt {
  readonly user: Pick<User, "id" | "name" | "avatar">;
  readonly status: "sent" | "delivered" | "read";
  readonly deliveredAt: string | null;
  readonly readAt: string | null;
}

export interface Draft extends Observable<string> {
  /** Call it on every key stroke; the text is stored, and shared with other tabs, when the typing pauses. */
  set(text: string): void;
  clear(): void;
}
