/** The chat with all its parts, the server's limits, and the events that no list shows. */
import type { ChatError } from "../errors.js";
import type { Accounts, SignOutReason } from "./accounts.js";
import type { Connection } from "./connection.js";
import type { Contacts } from "./contacts.js";
import type { Conversations } from "./conversations.js";
import type { Draft, Message, Refused } from "./messages.js";
import type { Observable, Unsubscribe } from "./observable.js";
import type { PresenceMap, Typing } from "./people.js";
import type { FoundPage, SearchQuery } from "./search.js";
import type { Stars } from "./stars.js";
import type { Messages } from "./timeline.js";

export interface ServerLimits {
  readonly maxTextLength: number;
  readonly maxTextBytes: number;
  readonly maxGroupSize: number;
}

export interface ChatEvents {
  /** A message of somebody else has come just now (not one fetched from the past). In one tab only. */
  message: Message;
  /** An act on a message was refused, and is taken back. In one tab only. */
  refused: Refused;
  /** The account has another e-mail address now, changed on whichever device: show it. In one tab only. */
  emailChanged: { readonly before: string; readonly email: string };
  /** The session is gone. */
  signedOut: SignOutReason;
  /** A failure that no call and no list can show: of storage, a background fetch, a receipt. */
  error: ChatError;
}

export interface Chat {
  readonly accounts: Accounts;
  readonly contacts: Contacts;
  readonly conversations: Conversations;
  readonly presence: PresenceMap;
  /** The starred messages of all conversations. */
  readonly stars: Stars;
  readonly connection: Connection;
  readonly limits: Observable<ServerLimits>;
  /**
   * Searches the messages that the user may see. Throws ChatError: NETWORK_ERROR without a connection, because a device stores
   * only what was looked at; VALIDATION_ERROR for a text without a word.
   */
  search(query: SearchQuery): Promise<FoundPage>;
  messages(conversationId: string): Messages;
  draft(conversationId: string): Draft;
  typing(conversationId: string): Typing;
  on<Name extends keyof ChatEvents>(name: Name, listener: (value: ChatEvents[Name]) => void): Unsubscribe;
  /** Resolves when storage has been read: whether somebody is signed in is known from then on. */
  readonly ready: Promise<void>;
  /** Ends everything and stores what is not stored yet. The session and the data stay on the device. */
  close(): Promise<void>;
}
