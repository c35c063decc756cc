/** One conversation's timeline: its messages, and the events that show between them. */
import type { ChatError } from "../errors.js";
import type { HistoryMode, WhoMayPin } from "./conversations.js";
import type { List } from "./lists.js";
import type { Mention, Message, MessageReceipt, Outgoing } from "./messages.js";
import type { Observable } from "./observable.js";
import type { Role, User } from "./people.js";

/** Something that happened in the conversation and is shown between the messages. */
export interface ConversationEvent {
  readonly kind: "event";
  readonly key: string;
  readonly id: string;
  readonly conversationId: string;
  readonly seq: number;
  readonly createdAt: string;
  readonly actor: Pick<User, "id" | "name" | "avatar">;
  readonly change: Change;
}

export type Change =
  | { readonly type: "member_added"; readonly members: readonly Pick<User, "id" | "name" | "avatar">[] }
  | { readonly type: "member_removed"; readonly userId: string; readonly name: string | null }
  | { readonly type: "member_left"; readonly userId: string; readonly name: string | null }
  | {
      readonly type: "role_changed";
      readonly roles: readonly { readonly userId: string; readonly name: string | null; readonly role: Role }[];
    }
  | {
      readonly type: "conversation_changed";
      readonly name?: string | null;
      readonly avatar?: string | null;
      readonly history?: HistoryMode;
      readonly whoMayPin?: WhoMayPin;
    };

export type TimelineItem = Message | ConversationEvent;

/** A window on a conversation: its newest part, ascending, as far up as `loadOlder` went. Unsent messages last. */
export interface Timeline extends List<TimelineItem> {
  readonly hasOlder: boolean;
  readonly loadingOlder: boolean;
  /** Why the last `loadOlder` failed. */
  readonly olderError?: ChatError;
  /** The user's read mark when the window was opened: where to draw the unread line. */
  readonly unreadAfterSeq: number;
}

export interface Messages extends Observable<Timeline> {
  readonly conversationId: string;
  /**
   * Shows the message at once and sends it when it can; never blocks. One above 256 KB shows as `failed` (`TOO_LARGE`).
   * Throws SIGNED_OUT.
   */
  send(message: string | Outgoing): Message;
  /** Sends a failed message again. */
  retry(clientMsgId: string): void;
  /** Removes a failed message, or one that was never attempted. */
  discard(clientMsgId: string): void;
  /** Widens the window upward, from the cache or the server. Failures are in the snapshot (`olderError`). */
  loadOlder(count?: number): Promise<void>;
  /** Narrows the window to its newest part again. */
  trim(): void;
  /** Loads the window again after an error. Subscribing loads it by itself. */
  refresh(): Promise<void>;
  /**
   * Gives an own message another text: shown at once, stored, and sent when it can be. Resolves when the server has
   * acknowledged it. What the server refuses is taken back: it rejects, and `refused` is emitted. An unsent message is
   * changed before it is sent. Takes the message, or the id of one that was sent.
   */
  edit(message: Message | string, content: string, mentions?: readonly Mention[]): Promise<void>;
  /** Deletes a message for everyone, in the same way. An unsent one is discarded. */
  remove(message: Message | string): Promise<void>;
  /** Reacts with an emoji, or takes it back (`on` false), in the same way. Takes any message that was sent. */
  react(message: Message | string, emoji: string, on?: boolean): Promise<void>;
  /** Stars a message, or takes the star back (`on` false), in the same way. */
  star(message: Message | string, on?: boolean): Promise<void>;
  /** Deletes a message for the user alone, on all their devices, in the same way. Others keep it. */
  hide(message: Message | string): Promise<void>;
  /** Pins a message for everybody, until a time or for good, in the same way; in a group as its `whoMayPin` says. */
  pin(message: Message | string, until?: Date): Promise<void>;
  unpin(message: Message | string): Promise<void>;
  /** Loads the pinned messages, those pinned last first. Throws ChatError. */
  pins(): Promise<readonly Message[]>;
  /**
   * Sends a message on to other conversations: a copy of its text and attachment shows there at once, and is sent as any
   * message is. Throws SIGNED_OUT.
   */
  forward(message: Message | string, conversationIds: readonly string[]): void;
  /** Marks everything up to `seq`, or to the end, as read. */
  markRead(seq?: number): void;
  /** Loads the receipts of one message. Throws ChatError. */
  receipts(messageId: string): Promise<readonly MessageReceipt[]>;
}
