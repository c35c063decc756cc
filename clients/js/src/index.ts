/** The chat client: see README.md. */
export { createChat } from "./chat.js";
export { ChatError, type ErrorCode, type ErrorDescription, type LocalErrorCode } from "./errors.js";
export type * from "./options.js";
export { asyncStorage, memoryStorage, webStorage } from "./storage/adapters.js";
export { indexedDBStorage } from "./storage/indexeddb.js";
export type { ChatStorage } from "./storage/storage.js";
export type * from "./types.js";
