/** The user's account: signing in and out, profile, privacy, and the sessions on all devices. */
import type { ChatError } from "../errors.js";
import type { List } from "./lists.js";
import type { Observable } from "./observable.js";
import type { User } from "./people.js";

export type SignOutReason = "logout" | "session-ended" | "session-expired" | "account-gone";

/**
 * `starting` while storage is read. `signed-out` has the cause in `reason`, and the server's answer in `error`.
 */
export interface Account {
  readonly status: "starting" | "signed-out" | "signed-in";
  readonly user: User | null;
  readonly reason?: SignOutReason;
  readonly error?: ChatError;
}

export interface Credentials {
  readonly email: string;
  readonly password: string;
}

export interface Registration extends Credentials {
  readonly name?: string;
  readonly avatar?: string | null;
}

export interface ProfileChanges {
  readonly name?: string;
  readonly email?: string;
  /** Another e-mail address takes it: PASSWORD_REQUIRED without, INVALID_CREDENTIALS with a wrong one. */
  readonly currentPassword?: string;
  readonly avatar?: string | null;
}

export interface Privacy {
  readonly hideReadReceipts: boolean;
  readonly hideLastSeen: boolean;
}

export interface DeviceSession {
  readonly id: string;
  readonly deviceName: string | null;
  readonly client: string | null;
  readonly address: string | null;
  readonly createdAt: string;
  readonly lastSeenAt: string;
  readonly expiresAt: string;
  /** Whether it is the session of this device. */
  readonly current: boolean;
}

export interface Sessions extends Observable<List<DeviceSession>> {
  refresh(): Promise<void>;
  end(sessionId: string): Promise<void>;
}

/** The account of the user. Functions throw ChatError; `error.fields` names the form's fields. */
export interface Accounts extends Observable<Account> {
  register(registration: Registration): Promise<User>;
  login(credentials: Credentials): Promise<User>;
  /** Ends this session and removes everything of it from the device. Works offline too. */
  logout(): Promise<void>;
  /** Ends all sessions of the user, on all devices. */
  logoutEverywhere(): Promise<void>;
  changePassword(current: string, next: string): Promise<void>;
  updateProfile(changes: ProfileChanges): Promise<User>;
  readonly sessions: Sessions;
  readonly privacy: Observable<Privacy | null> & {
    refresh(): Promise<void>;
    update(changes: Partial<Privacy>): Promise<void>;
  };
}
