/** Search: messages by their words, in all conversations or one. */
import type { ContentKind, Message } from "./messages.js";

export interface SearchQuery {
  /** All of these words, the last of which may be only begun, and "phrases". */
  readonly text: string;
  /** The id of a conversation. */
  readonly in?: string;
  /** The id of the sender. */
  readonly from?: string;
  readonly kind?: ContentKind;
  /** Sent before this time, or after that one. */
  readonly before?: Date;
  readonly after?: Date;
  /** The number of messages of a page. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

/** A place in a text, counted as in a string of JavaScript. */
export interface Highlight {
  readonly offset: number;
  readonly length: number;
}

export interface FoundMessage {
  /** As it was when it was found; `message.seq` says where it is. */
  readonly message: Message;
  /** The words of its text that were found, ascending. */
  readonly highlights: readonly Highlight[];
}

/** Messages that were found, the newest first. */
export interface FoundPage {
  readonly data: readonly FoundMessage[];
  /** Whether `next` has more. */
  readonly more: boolean;
  /** Loads the page after this one; an empty one after the last. Throws ChatError. */
  next(signal?: AbortSignal): Promise<FoundPage>;
}
