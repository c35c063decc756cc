/** React hooks: each is `useSyncExternalStore` on one observable of the chat. */
import { createContext, createElement, type ReactNode, useCallback, useContext, useSyncExternalStore } from "react";
import type { Account, DeviceSession } from "./types/accounts.js";
import type { Chat } from "./types/chat.js";
import type { ConnectionState } from "./types/connection.js";
import type { ContactList } from "./types/contacts.js";
import type { Conversation } from "./types/conversations.js";
import type { List } from "./types/lists.js";
import type { Observable } from "./types/observable.js";
import type { Presence, TypingUser } from "./types/people.js";
import type { StarredMessages } from "./types/stars.js";
import type { Timeline } from "./types/timeline.js";

const ChatContext = createContext<Chat | null>(null);

/** Provides the chat to all components below. */
export function ChatProvider({ chat, children }: { chat: Chat; children?: ReactNode }): ReactNode {
  return createElement(ChatContext.Provider, { value: chat }, children);
}

export function useChat(): Chat {
  const chat = useContext(ChatContext);
  if (!chat) throw new Error("useChat needs a ChatProvider above.");
  return chat;
}

/** The observable's value, now and whenever it changes. */
export function useObservable<T>(observable: Observable<T>): T {
  return useSyncExternalStore(observable.subscribe, observable.getSnapshot, observable.getSnapshot);
}

export function useAccount(): Account {
  return useObservable(useChat().accounts);
}

export function useConnection(): ConnectionState {
  return useObservable(useChat().connection);
}

export function useConversations(): List<Conversation> {
  return useObservable(useChat().conversations);
}

export function useConversation(conversationId: string): Conversation | null {
  return useObservable(useChat().conversations.one(conversationId));
}

export function useUnread(): number {
  return useObservable(useChat().conversations.unread);
}

export function useMessages(conversationId: string): Timeline {
  return useObservable(useChat().messages(conversationId));
}

export function useContacts(): ContactList {
  return useObservable(useChat().contacts);
}

export function useStars(): StarredMessages {
  return useObservable(useChat().stars);
}

export function useSessions(): List<DeviceSession> {
  return useObservable(useChat().accounts.sessions);
}

export function usePresence(userId: string): Presence {
  return useObservable(useChat().presence.of(userId));
}

/** The people who are typing, and a setter for the user's own state: `const [users, setTyping] = useTyping(id)`. */
export function useTyping(conversationId: string): [readonly TypingUser[], (isTyping: boolean) => void] {
  const typing = useChat().typing(conversationId);
  return [useObservable(typing), useCallback((isTyping: boolean) => typing.set(isTyping), [typing])];
}

/** The unsent text of a conversation: `const [text, setText] = useDraft(id)`. */
export function useDraft(conversationId: string): [string, (text: string) => void] {
  const draft = useChat().draft(conversationId);
  return [useObservable(draft), useCallback((text: string) => draft.set(text), [draft])];
}
