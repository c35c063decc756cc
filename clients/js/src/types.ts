/**
 * The public types of the SDK: observables, snapshots and the parts of a chat.
 *
 * Every snapshot is immutable, and the same object until something in it changes, so that
 * `useSyncExternalStore(x.subscribe, x.getSnapshot)` works as it is.
 */
import type { ChatError } from "./errors.js";

export type Unsubscribe = () => void;

/** A value that can be read, and watched for changes. Both functions may be passed on without `this`. */
export interface Observable<T> {
  readonly subscribe: (listener: () => void) => Unsubscribe;
  readonly getSnapshot: () => T;
}

/** Why a list is empty, as the server says it (`NO_USERS`, `NO_MATCH`, `NO_CONVERSATIONS`). */
export interface EmptyReason {
  readonly code: string;
  readonly message: string;
}

/**
 * A list and its state.
 *
 * - `loading`: nothing is known yet, from neither cache nor server.
 * - `ready`: there is something to show. `stale` while it is from the cache or the connection is away;
 *   `error` when the last attempt to refresh it failed.
 * - `empty`: the server said that there is nothing, and why (`reason`).
 * - `error`: there is nothing to show because loading failed.
 */
export interface List<T> {
  readonly status: "loading" | "ready" | "empty" | "error";
  readonly data: readonly T[];
  readonly error?: ChatError;
  readonly stale: boolean;
  readonly reason?: EmptyReason;
}

// ---------------------------------------------------------------- people

export interface User {
  readonly id: string;
  readonly name: string;
  /** Empty unless this is oneself, or somebody in a conversation with oneself. */
  readonly email: string;
  readonly avatar: string | null;
}

export type Role = "owner" | "admin" | "member";

/** A current member of a conversation, with how far they have got and read it (`seq`). */
export interface Member extends User {
  readonly role: Role;
  readonly deliveredSeq: number;
  readonly readSeq: number;
}

export interface Presence {
  readonly userId: string;
  readonly online: boolean;
  /** ISO 8601, or null where it is unknown or hidden. */
  readonly lastSeen: string | null;
}

export interface TypingUser {
  readonly userId: string;
  readonly name: string;
}

// ---------------------------------------------------------------- conversations

export type HistoryMode = "all" | "since_join";

/** The preview of the newest message in the conversation list; it may be unsent. */
export interface MessagePreview {
  readonly content: string;
  readonly attachment: string | null;
  readonly senderId: string;
  readonly senderName: string | null;
  readonly mine: boolean;
  readonly createdAt: string;
  readonly status: MessageStatus;
}

export interface Conversation {
  readonly id: string;
  readonly type: "direct" | "group";
  /** The name to show: the group's, or the other person's. */
  readonly title: string;
  /** The group's avatar, or the other person's. */
  readonly avatar: string | null;
  readonly history: HistoryMode;
  /** All members once somebody looks at the conversation; of a large group in the list some of them. */
  readonly members: readonly Member[];
  /** How many members there are. */
  readonly memberCount: number;
  /** The other person of a direct conversation. */
  readonly partner: Member | null;
  /** The user's own role; null after they left or were removed. */
  readonly role: Role | null;
  /** False after the user left or was removed: what they saw stays, nothing can be sent. */
  readonly isMember: boolean;
  readonly lastMessage: MessagePreview | null;
  readonly unreadCount: number;
  /** The user's own read mark. */
  readonly readSeq: number;
  /** The newest entry's number. */
  readonly headSeq: number;
  readonly createdBy: string;
  readonly createdAt: string;
  /** The time of the newest entry or unsent message; the list is sorted by it. */
  readonly updatedAt: string;
}

// ---------------------------------------------------------------- messages

/**
 * `sending`: stored on this device, not yet acknowledged. `failed`: refused for good; retry or discard it.
 * `sent`: stored by the server. `delivered`, `read`: every other member got it, or read it.
 */
export type MessageStatus = "sending" | "failed" | "sent" | "delivered" | "read";

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
  readonly sender: Pick<User, "id" | "name" | "avatar">;
  readonly mine: boolean;
  readonly createdAt: string;
  readonly status: MessageStatus;
  /** Of own messages: how many of the other members have got it, and read it. */
  readonly deliveredTo: number;
  readonly readBy: number;
  /** Why it failed. */
  readonly error?: ChatError;
}

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

export interface Outgoing {
  readonly content?: string;
  /** The address of a file that was uploaded elsewhere. */
  readonly attachment?: string | null;
}

/** Whether and when one member received and read a message. */
export interface MessageReceipt {
  readonly user: Pick<User, "id" | "name" | "avatar">;
  readonly status: "sent" | "delivered" | "read";
  readonly deliveredAt: string | null;
  readonly readAt: string | null;
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
  /** Marks everything up to `seq`, or to the end, as read. */
  markRead(seq?: number): void;
  /** Loads the receipts of one message. Throws ChatError. */
  receipts(messageId: string): Promise<readonly MessageReceipt[]>;
}

export interface Draft extends Observable<string> {
  /** Call it on every key stroke; the text is stored, and shared with other tabs, when the typing pauses. */
  set(text: string): void;
  clear(): void;
}

export interface Typing extends Observable<readonly TypingUser[]> {
  /** Shows the others that the user is typing. Call it on every key stroke; it is throttled and ends by itself. */
  set(isTyping: boolean): void;
}

// ---------------------------------------------------------------- the parts of a chat

export interface NewGroup {
  readonly name: string;
  readonly memberIds: readonly string[];
  readonly avatar?: string | null;
  readonly history?: HistoryMode;
}

export interface ConversationChanges {
  readonly name?: string;
  readonly avatar?: string | null;
  readonly history?: HistoryMode;
}

/**
 * The conversations: the API is the truth, the socket is live, memory is the view, storage is the offline cache.
 * Functions that ask the server throw ChatError.
 */
export interface Conversations extends Observable<List<Conversation>> {
  /** One conversation; null while it is unknown. */
  one(conversationId: string): Observable<Conversation | null>;
  get(conversationId: string): Conversation | null;
  /** All unread messages, for a badge. */
  readonly unread: Observable<number>;
  refresh(): Promise<void>;
  /** The direct conversation with somebody, found or made. */
  openDirect(userId: string): Promise<Conversation>;
  createGroup(group: NewGroup): Promise<Conversation>;
  change(conversationId: string, changes: ConversationChanges): Promise<void>;
  addMembers(conversationId: string, userIds: readonly string[]): Promise<void>;
  removeMember(conversationId: string, userId: string): Promise<void>;
  changeRole(conversationId: string, userId: string, role: Role): Promise<void>;
  handOver(conversationId: string, userId: string): Promise<void>;
  leave(conversationId: string): Promise<void>;
  /** Hides the conversation and its past from the user's own list, until the next message. */
  hide(conversationId: string): Promise<void>;
}

export interface ContactPage {
  readonly data: readonly User[];
  /** For the next page. */
  readonly next?: string;
  readonly reason?: EmptyReason;
}

export interface ContactList extends List<User> {
  readonly hasMore: boolean;
  readonly loadingMore: boolean;
}

export interface Contacts extends Observable<ContactList> {
  refresh(): Promise<void>;
  loadMore(): Promise<void>;
  /** People whose name or e-mail starts so. Throws ChatError. */
  search(text: string, options?: { after?: string; limit?: number; signal?: AbortSignal }): Promise<ContactPage>;
}

export interface PresenceMap extends Observable<ReadonlyMap<string, Presence>> {
  of(userId: string): Observable<Presence>;
  refresh(): Promise<void>;
}

export type SignOutReason = "logout" | "session-ended" | "session-expired" | "account-gone";

/**
 * `starting` while storage is read. `signed-out` has the cause in `reason`, and the server's answer in `error`.
 */
export interface Account {
  readonly status: "starting" | "signed-out" | "signed-in";
  readonly user: User | null;
  readonly reason?: SignOutReason;
  readonly error?: ChatError;
}

export interface Credentials {
  readonly email: string;
  readonly password: string;
}

export interface Registration extends Credentials {
  readonly name?: string;
  readonly avatar?: string | null;
}

export interface ProfileChanges {
  readonly name?: string;
  readonly email?: string;
  /** Another e-mail address takes it: PASSWORD_REQUIRED without, INVALID_CREDENTIALS with a wrong one. */
  readonly currentPassword?: string;
  readonly avatar?: string | null;
}

export interface Privacy {
  readonly hideReadReceipts: boolean;
  readonly hideLastSeen: boolean;
}

export interface DeviceSession {
  readonly id: string;
  readonly deviceName: string | null;
  readonly client: string | null;
  readonly address: string | null;
  readonly createdAt: string;
  readonly lastSeenAt: string;
  readonly expiresAt: string;
  /** Whether it is the session of this device. */
  readonly current: boolean;
}

export interface Sessions extends Observable<List<DeviceSession>> {
  refresh(): Promise<void>;
  end(sessionId: string): Promise<void>;
}

/** The account of the user. Functions throw ChatError; `error.fields` names the form's fields. */
export interface Accounts extends Observable<Account> {
  register(registration: Registration): Promise<User>;
  login(credentials: Credentials): Promise<User>;
  /** Ends this session and removes everything of it from the device. Works offline too. */
  logout(): Promise<void>;
  /** Ends all sessions of the user, on all devices. */
  logoutEverywhere(): Promise<void>;
  changePassword(current: string, next: string): Promise<void>;
  updateProfile(changes: ProfileChanges): Promise<User>;
  readonly sessions: Sessions;
  readonly privacy: Observable<Privacy | null> & {
    refresh(): Promise<void>;
    update(changes: Partial<Privacy>): Promise<void>;
  };
}

/**
 * - `signed-out`: nobody is signed in; nothing is tried.
 * - `connecting`: an attempt is under way, or the next one is waited for and the server was reachable.
 * - `offline`: the server, or the device's network, could not be reached.
 * - `live`: the socket is connected and everything missed was fetched.
 * - `api`: sockets do not come through; everything works over HTTP (long-poll), the socket is tried meanwhile.
 */
export type ConnectionStatus = "signed-out" | "connecting" | "offline" | "live" | "api";

export interface ConnectionState {
  readonly status: ConnectionStatus;
  /** The error because of which it is not live. */
  readonly error?: ChatError;
  /** When the next attempt is made (milliseconds since 1970); undefined while one is under way. */
  readonly nextAttemptAt?: number;
  /** Failed attempts in a row. */
  readonly attempts: number;
}

export interface Connection extends Observable<ConnectionState> {
  /** Try now instead of at `nextAttemptAt`. */
  retryNow(): void;
  /** Reports whether the device has a network. In browsers, the SDK finds out by itself. */
  setOnline(isOnline: boolean): void;
  /** The app came to the foreground (true) or went to the background. In browsers, the SDK finds out by itself. */
  setForeground(isForeground: boolean): void;
}

export interface ServerLimits {
  readonly maxTextLength: number;
  readonly maxTextBytes: number;
  readonly maxGroupSize: number;
}

export interface ChatEvents {
  /** A message of somebody else has come just now (not one fetched from the past). In one tab only. */
  message: Message;
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
  readonly connection: Connection;
  readonly limits: Observable<ServerLimits>;
  messages(conversationId: string): Messages;
  draft(conversationId: string): Draft;
  typing(conversationId: string): Typing;
  on<Name extends keyof ChatEvents>(name: Name, listener: (value: ChatEvents[Name]) => void): Unsubscribe;
  /** Resolves when storage has been read: whether somebody is signed in is known from then on. */
  readonly ready: Promise<void>;
  /** Ends everything and stores what is not stored yet. The session and the data stay on the device. */
  close(): Promise<void>;
}
