/** The parts of a chat that other parts use, in layers: each layer needs only those before it. */

import type { Acts } from "./acts.js";
import type { Link } from "./connection/link.js";
import type { Delivery } from "./delivery.js";
import { type ChatError, signedOut } from "./errors.js";
import type { Http } from "./http.js";
import type { Cell, Emitter, Source } from "./observable.js";
import type { Clock, Timing } from "./options.js";
import type { Outbox } from "./outbox.js";
import type { Session } from "./session/session.js";
import type { Store } from "./store/store.js";
import type { Account } from "./types/accounts.js";
import type { ChatEvents } from "./types/chat.js";
import type { ConnectionState } from "./types/connection.js";
import type { Presence } from "./types/people.js";
import type { Entry, WireConversation } from "./wire.js";

/** Something that any tab may ask for. The leading tab's result is the one that is stored and sent. */
export type Action =
  | { readonly kind: "entry"; readonly entry: Entry }
  | { readonly kind: "enter"; readonly conversation: WireConversation }
  | { readonly kind: "members"; readonly conversation: WireConversation }
  | {
      readonly kind: "fill";
      readonly id: string;
      readonly entries: readonly Entry[];
      readonly from: number;
      readonly to: number;
    }
  | { readonly kind: "lost"; readonly id: string; readonly from: number; readonly to: number }
  | { readonly kind: "read"; readonly id: string; readonly seq: number }
  | { readonly kind: "hide"; readonly id: string }
  | { readonly kind: "typing"; readonly id: string; readonly isTyping: boolean }
  | { readonly kind: "sync" }
  | { readonly kind: "wake" };

/** One person typing in one conversation, until that time unless the server repeats it. */
export interface TypingRow {
  readonly conversationId: string;
  readonly userId: string;
  readonly name: string;
  readonly until: number;
}

/** The session, the store, and the state that everything else reads. */
export interface Base {
  readonly clock: Clock;
  readonly timing: Timing;
  readonly random: () => number;
  readonly newId: () => string;
  readonly http: Http;
  readonly session: Session;
  readonly store: Store;
  readonly events: Emitter<ChatEvents>;
  readonly account: Source<Account>;
  readonly connection: Cell<ConnectionState>;
  readonly presence: Cell<ReadonlyMap<string, Presence>>;
  readonly typing: Cell<readonly TypingRow[]>;
  /** The signed-in user's id; "" while there is none. */
  readonly me: () => string;
  /** Whether this tab has the connection. */
  readonly isLeader: () => boolean;
  readonly report: (error: ChatError) => void;
}

/** With the logs of the conversations and the connection that keeps them up to date. */
export interface Linked extends Base {
  readonly delivery: Delivery;
  readonly link: Link;
}

/** With the messages to send and the actions of the user. */
export interface Core extends Linked {
  readonly outbox: Outbox;
  readonly acts: Acts;
  readonly act: (action: Action) => void;
}

/** The error that lists show while nobody is signed in. */
export function signedOutError({ session }: Pick<Base, "session">): ChatError | undefined {
  const { status, error } = session.account;
  return status === "signed-out" ? (error ?? signedOut()) : undefined;
}

export function isConnected(state: ConnectionState): boolean {
  return state.status === "live" || state.status === "api";
}
