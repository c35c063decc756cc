/** The chat that an app holds: the parts that it may see (`types/chat.ts`), made in `parts.ts`. */
import type { ConversationDraft } from "./drafts.js";
import type { ChatOptions } from "./options.js";
import { createParts, type Parts } from "./parts.js";
import type { TypingIndicator } from "./people.js";
import { listenToPlatform } from "./platform.js";
import type { ConversationMessages } from "./timeline.js";
import type { Chat, ChatEvents } from "./types/chat.js";
import type { Unsubscribe } from "./types/observable.js";
import type { FoundPage, SearchQuery } from "./types/search.js";

/** A chat with the server at `url`. It needs no start: it reads its storage and connects by itself. */
export function createChat(options: ChatOptions): Chat {
  return new ChatClient(createParts(options));
}

class ChatClient implements Chat {
  readonly accounts: Chat["accounts"];
  readonly contacts: Chat["contacts"];
  readonly conversations: Chat["conversations"];
  readonly presence: Chat["presence"];
  readonly stars: Chat["stars"];
  readonly connection: Chat["connection"];
  readonly limits: Chat["limits"];
  readonly ready: Promise<void>;
  private readonly stopListening: Unsubscribe;

  constructor(private readonly parts: Parts) {
    const { lifecycle } = parts;
    this.accounts = parts.accounts;
    this.contacts = parts.contacts;
    this.conversations = parts.conversations;
    this.presence = parts.presence;
    this.stars = parts.stars;
    this.connection = parts.connection;
    this.limits = parts.limits;
    this.stopListening = listenToPlatform(parts.connection, () => lifecycle.saveDrafts());
    lifecycle.start();
    this.ready = lifecycle.ready;
  }

  search(query: SearchQuery): Promise<FoundPage> {
    return this.parts.search(query);
  }

  messages(conversationId: string): ConversationMessages {
    return this.parts.messages.of(conversationId);
  }

  draft(conversationId: string): ConversationDraft {
    return this.parts.drafts.of(conversationId);
  }

  typing(conversationId: string): TypingIndicator {
    return this.parts.indicators.of(conversationId);
  }

  on<Name extends keyof ChatEvents>(name: Name, listener: (value: ChatEvents[Name]) => void): Unsubscribe {
    return this.parts.events.on(name, listener);
  }

  async close(): Promise<void> {
    this.stopListening();
    await this.parts.lifecycle.close();
  }
}
