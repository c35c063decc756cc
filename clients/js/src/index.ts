/** The chat client: see README.md. */
export { createChat } from "./chat.js";
export { ChatError, type ErrorCode, type ErrorDescription, type LocalErrorCode } from "./errors.js";
export type * from "./options.js";
export { asyncStorage, memoryStorage, webStorage } from "./storage/adapters.js";
export { indexedDBStorage } from "./storage/indexeddb.js";
export type { ChatStorage } from "./storage/storage.js";
export type * from "./types/accounts.js";
export type * from "./types/chat.js";
export type * from "./types/connection.js";
export type * from "./types/contacts.js";
export type * from "./types/conversations.js";
export type * from "./types/lists.js";
export type * from "./types/messages.js";
export type * from "./types/observable.js";
export type * from "./types/people.js";
export type * from "./types/search.js";
export type * from "./types/stars.js";
export type * from "./types/timeline.js";
