/** Contacts: the people with whom a conversation can be opened. */
import type { EmptyReason, List } from "./lists.js";
import type { Observable } from "./observable.js";
import type { User } from "./people.js";

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
