/** Conversations, the list of them, and the acts on them. */
import type { List } from "./lists.js";
import type { ContentKind, MessageStatus } from "./messages.js";
import type { Observable } from "./observable.js";
import type { Member, Role } from "./people.js";

export type HistoryMode = "all" | "since_join";

/** The right to pin messages in a group: of all members, or of its owner and admins. */
export type WhoMayPin = "everyone" | "admins";

/** The preview of the newest message in the conversation list; it may be unsent. */
export interface MessagePreview {
  readonly content: string;
  readonly attachment: string | null;
  /** Says it where there is no text. */
  readonly contentKind: ContentKind;
  readonly senderId: string;
  readonly senderName: string | null;
  readonly mine: boolean;
  readonly deleted: boolean;
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
  readonly whoMayPin: WhoMayPin;
  /** All members once somebody looks at the conversation; of a large group in the list some of them. */
  readonly members: readonly Member[];
  /** The number of members. */
  readonly memberCount: number;
  /** The other person of a direct conversation. */
  readonly partner: Member | null;
  /** The user's own role; null after they left or were removed. */
  readonly role: Role | null;
  /** False after the user left or was removed: what they saw stays, nothing can be sent. */
  readonly isMember: boolean;
  readonly lastMessage: MessagePreview | null;
  readonly unreadCount: number;
  /** The number of unread messages that mention the user. */
  readonly mentionCount: number;
  /** The user's own read mark. */
  readonly readSeq: number;
  /** The newest entry's number. */
  readonly headSeq: number;
  /** Muted until then; for ever is the year 9999. Null once it is over. */
  readonly mutedUntil: string | null;
  readonly isMuted: boolean;
  /** Whether mentions are muted with it. */
  readonly muteMentions: boolean;
  /** Archived by the user; the next message ends it unless the conversation is muted. */
  readonly isArchived: boolean;
  /** The time at which the user pinned it to the top of their list; null if they have not. */
  readonly pinnedAt: string | null;
  /** Marked as unread by the user, and not read since. */
  readonly isMarkedUnread: boolean;
  readonly createdBy: string;
  readonly createdAt: string;
  /** The time of the newest entry or unsent message; the list is sorted by it. */
  readonly updatedAt: string;
}

/** Changes of the user's own settings of a conversation. */
export interface SettingsChanges {
  readonly mutedUntil?: string | null;
  readonly muteMentions?: boolean;
  readonly archived?: boolean;
  readonly pinned?: boolean;
  readonly markedUnread?: boolean;
}

export interface MuteOptions {
  /** Mutes mentions too; they break through by default. */
  readonly mentions?: boolean;
}

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
  readonly whoMayPin?: WhoMayPin;
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
  /**
   * Mutes until then, or no more with null, on all devices of the user. Shown at once, stored, and sent when it can be;
   * resolves with the acknowledgement. What the server refuses is taken back: it rejects, and `refused` is emitted. So are
   * the other settings.
   */
  mute(conversationId: string, until: Date | "forever" | null, options?: MuteOptions): Promise<void>;
  archive(conversationId: string, archived?: boolean): Promise<void>;
  /** Pins the conversation to the top of the user's list: ten at most (TOO_MANY_PINS). */
  pinChat(conversationId: string, pinned?: boolean): Promise<void>;
  /** Marks the conversation as unread until the user reads in it. */
  markUnread(conversationId: string, unread?: boolean): Promise<void>;
  /** Hides the conversation and its past from the user's own list, until the next message. */
  hide(conversationId: string): Promise<void>;
}
