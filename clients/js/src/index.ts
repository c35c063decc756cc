export { ChatError, type ErrorCode, type ErrorDescription, type LocalErrorCode } from "./errors.js";
export type { ChatStorage } from "./storage/storage.js";
export type * from "./types.js";
