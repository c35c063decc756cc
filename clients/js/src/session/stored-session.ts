/** The session as it is stored: the user and the tokens of this device. */
import type { User } from "../types/people.js";

/** `expiresAt` is the access token's, on this device's clock. */
export interface StoredSession {
  readonly user: User;
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresAt: number;
  /** The lifetime of the access token, in milliseconds. */
  readonly lifetime: number;
}

/** Tokens as the server issues them. */
export interface Tokens {
  readonly accessToken?: string;
  readonly token: string;
  readonly refreshToken?: string;
  /** Seconds. */
  readonly expiresIn: number;
}

/** The session of tokens that the server has issued just now. */
export function sessionOf(tokens: Tokens, user: User, now: number): StoredSession {
  return {
    user,
    accessToken: tokens.accessToken ?? tokens.token,
    refreshToken: tokens.refreshToken ?? "",
    expiresAt: now + tokens.expiresIn * 1000,
    lifetime: tokens.expiresIn * 1000,
  };
}

/** Return whether a stored value is a session; another app, or a faulty device, may have written it. */
export function isSession(value: unknown): value is StoredSession {
  const { user, accessToken, refreshToken, expiresAt } = (value ?? {}) as Partial<StoredSession>;
  return (
    typeof user?.id === "string" &&
    typeof accessToken === "string" &&
    typeof refreshToken === "string" &&
    typeof expiresAt === "number"
  );
}

export function sameUser(before: User | null, after: User): boolean {
  return (
    before !== null &&
    before.id === after.id &&
    before.name === after.name &&
    before.email === after.email &&
    before.avatar === after.avatar
  );
}
