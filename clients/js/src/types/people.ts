/** People: users, members of conversations, their presence, and who is typing. */
import type { Observable } from "./observable.js";

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

export interface PresenceMap extends Observable<ReadonlyMap<string, Presence>> {
  of(userId: string): Observable<Presence>;
  refresh(): Promise<void>;
}

export interface TypingUser {
  readonly userId: string;
  readonly name: string;
}

export interface Typing extends Observable<readonly TypingUser[]> {
  /** Shows the others that the user is typing. Call it on every key stroke; it is throttled and ends by itself. */
  set(isTyping: boolean): void;
}
