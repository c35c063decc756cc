/** What the parts of a chat share. */
import type { Delivery } from "./delivery.js";
import { type ChatError, signedOut } from "./errors.js";
import type { Http } from "./http.js";
import type { Link } from "./link.js";
import type { Cell, Emitter } from "./observable.js";
import type { Clock, Timing } from "./options.js";
import type { Outbox } from "./outbox.js";
import type { Session } from "./session.js";
import type { Store } from "./store.js";
import type { ChatEvents, ConnectionState, Presence } from "./types.js";
import type { Entry, WireConversation } from "./wire.js";

/** What any tab may want, and the leading one does for good. */
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

/** Who types, as the leading tab knows it. */
export interface TypingRow {
  readonly conversationId: string;
  readonly userId: string;
  readonly name: string;
  readonly until: number;
}

export interface Core {
  readonly clock: Clock;
  readonly timing: Timing;
  readonly random: () => number;
  readonly newId: () => string;
  readonly http: Http;
  readonly session: Session;
  readonly store: Store;
  readonly delivery: Delivery;
  readonly outbox: Outbox;
  readonly link: Link;
  readonly events: Emitter<ChatEvents>;
  readonly connection: Cell<ConnectionState>;
  readonly presence: Cell<ReadonlyMap<string, Presence>>;
  readonly typing: Cell<readonly TypingRow[]>;
  /** The signed-in user's id; "" while there is none. */
  readonly me: () => string;
  /** Whether this tab has the connection. */
  readonly leads: () => boolean;
  readonly act: (action: Action) => void;
  readonly report: (error: ChatError) => void;
}

/** Why lists have nothing to show while nobody is signed in. */
export function signedOutError(core: Core): ChatError | undefined {
  const { status, error } = core.session.account;
  return status === "signed-out" ? (error ?? signedOut()) : undefined;
}

export function isConnected(state: ConnectionState): boolean {
  return state.status === "live" || state.status === "api";
}
