/** Failures in words. */
import { ChatError } from "@chatapp/client";

/** Whatever was thrown, as a ChatError to show. */
export function toChatError(thrown: unknown): ChatError {
  if (thrown instanceof ChatError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new ChatError({ code: "APP_ERROR", message, cause: thrown });
}

const SENTENCES: Record<string, string> = {
  NETWORK_ERROR: "The server can't be reached. Check your network, and try again.",
  TIMEOUT: "The server takes too long to answer. Try again.",
  RATE_LIMITED: "That was too often.",
  EMAIL_IN_USE: "This e-mail address has an account already.",
  INVALID_CREDENTIALS: "The e-mail address or the password is wrong.",
  LAST_OWNER: "You are the only owner: make somebody else the owner first.",
  DATABASE_UNAVAILABLE: "The server has a problem with its database. It is working on it; try again in a moment.",
  INTERNAL_ERROR: "Something went wrong on the server.",
};

/** One sentence for people. */
export function sentence(error: ChatError): string {
  const text = SENTENCES[error.code] ?? error.message;
  const wait = error.retryAfter;
  return error.code === "RATE_LIMITED" && wait ? `${text} Try again in ${wait} s.` : text;
}
