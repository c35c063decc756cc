/** Stars: messages that the user wants to find again. */
import type { List } from "./lists.js";
import type { Message } from "./messages.js";
import type { Observable } from "./observable.js";

export interface StarredMessages extends List<Message> {
  readonly hasMore: boolean;
  readonly loadingMore: boolean;
}

/** The starred messages of all conversations, those starred last first. Loaded once somebody subscribes. */
export interface Stars extends Observable<StarredMessages> {
  refresh(): Promise<void>;
  loadMore(): Promise<void>;
}
