/** The session on this device: its tokens, kept fresh by one refresh at a time, in one tab at a time. */
import { asChatError, type ChatError, signedOut } from "./errors.js";
import type { Http, TokenSource } from "./http.js";
import type { Clock, Timing } from "./options.js";
import type { ChatStorage } from "./storage/storage.js";
import type { Tabs } from "./tabs.js";
import type { Account, SignOutReason, User } from "./types.js";

/** What is kept. `expiresAt` is the access token's, on this device's clock. */
export interface StoredSession {
  readonly user: User;
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresAt: number;
  /** How long the access token lives altogether, in milliseconds. */
  readonly lifetime: number;
}

export interface Tokens {
  readonly accessToken?: string;
  readonly token: string;
  readonly refreshToken?: string;
  readonly expiresIn: number;
}

const REFRESH_ATTEMPTS = 4;

export interface SessionOptions {
  readonly key: string;
  readonly storage: ChatStorage;
  readonly http: Http;
  readonly tabs: Tabs<never> | Tabs<unknown>;
  readonly clock: Clock;
  readonly timing: Timing;
  /** Called whenever the account or its tokens are others than before; `isOurs` when this tab changed them. */
  readonly onChange: (account: Account, isOurs: boolean) => void;
  readonly onStorageFailure: (error: unknown) => void;
}

export class Session implements TokenSource {
  account: Account = { status: "starting", user: null };
  private current: StoredSession | undefined;
  private refreshing: Promise<string> | undefined;
  private timer: unknown;
  private isEnding = false;

  constructor(private readonly options: SessionOptions) {}

  get accessToken(): string | undefined {
    return this.current?.accessToken;
  }

  /** Takes over what is stored: at the start, and when another tab has changed it. */
  async restore(): Promise<void> {
    const stored = await this.stored();
    if (stored) this.adopt(stored, false);
    else if (this.account.status !== "signed-out") this.drop({ status: "signed-out", user: null }, false);
  }

  /** Storage can't be read: nobody is signed in as far as this device knows, and nothing is removed. */
  unreadable(error: ChatError): void {
    this.drop({ status: "signed-out", user: null, error }, false);
  }

  /** The user has logged in. */
  async begin(tokens: Tokens, user: User): Promise<void> {
    const session = this.fromTokens(tokens, user);
    await this.store(session);
    this.adopt(session, true);
  }

  /** The user has another name, avatar or address. The tokens stay those that are stored: another tab's may be newer. */
  changeUser(changes: Partial<User> & Pick<User, "id">): Promise<void> {
    return this.options.tabs.alone("refresh", async () => {
      const session = (await this.stored()) ?? this.current;
      if (!session || !this.current || session.user.id !== changes.id) return;
      const renamed = { ...session, user: { ...session.user, ...changes } };
      await this.store(renamed);
      this.adopt(renamed, true);
    });
  }

  /** The session is over: forget it here. */
  async end(reason: SignOutReason, error?: ChatError): Promise<void> {
    if (this.account.status === "signed-out" || this.isEnding) return;
    this.isEnding = true;
    this.stop();
    try {
      await this.options.storage.write([], [this.options.key]);
    } catch (failure) {
      this.options.onStorageFailure(failure);
    }
    this.isEnding = false;
    this.drop({ status: "signed-out", user: null, reason, ...(error && { error }) }, true);
  }

  async token(): Promise<string> {
    const session = this.current;
    if (!session) throw signedOut();
    const isFresh = session.expiresAt - this.options.clock.now() > this.ahead(session);
    return isFresh ? session.accessToken : this.renew(session.accessToken);
  }

  /** The server knows this token's session no more. An answer about an earlier session counts for nothing. */
  lost(error: ChatError, token = this.current?.accessToken): void {
    if (token !== this.current?.accessToken) return;
    void this.end(error.code === "ACCOUNT_GONE" ? "account-gone" : "session-ended", error);
  }

  /** Another access token than `expired`. Throws what kept it from being got; SIGNED_OUT when the session is over. */
  renew(expired: string): Promise<string> {
    if (this.current && this.current.accessToken !== expired) return Promise.resolve(this.current.accessToken);
    this.refreshing ??= this.options.tabs
      .alone("refresh", () => this.refresh(expired))
      .finally(() => {
        this.refreshing = undefined;
      });
    return this.refreshing;
  }

  stop(): void {
    this.options.clock.clearTimeout(this.timer);
    this.current = undefined;
  }

  private async refresh(expired: string): Promise<string> {
    const stored = await this.stored();
    const session = stored ?? this.current;
    if (!session || !this.current) throw signedOut();
    if (session.accessToken !== expired) {
      this.adopt(session, false); // another tab was faster
      return session.accessToken;
    }
    const tokens = await this.exchanged(session);
    const renewed = this.fromTokens(tokens, session.user);
    if (!this.current) throw signedOut();
    await this.store(renewed);
    this.adopt(renewed, true);
    return renewed.accessToken;
  }

  /** A lost answer may be asked for again: the server gives another pair, and only the one that is used counts. */
  private async exchanged(session: StoredSession): Promise<Tokens> {
    try {
      const body = { refreshToken: session.refreshToken };
      return await this.options.http.post("/api/auth/refresh", body, { anonymous: true, attempts: REFRESH_ATTEMPTS });
    } catch (thrown) {
      const error = asChatError(thrown);
      if (error.statusCode === 401) {
        const gone = error.code === "ACCOUNT_GONE" ? "account-gone" : "session-ended";
        await this.end(error.code === "TOKEN_EXPIRED" ? "session-expired" : gone, error);
      }
      throw error;
    }
  }

  private fromTokens(tokens: Tokens, user: User): StoredSession {
    return {
      user,
      accessToken: tokens.accessToken ?? tokens.token,
      refreshToken: tokens.refreshToken ?? "",
      expiresAt: this.options.clock.now() + tokens.expiresIn * 1000,
      lifetime: tokens.expiresIn * 1000,
    };
  }

  private adopt(session: StoredSession, isOurs: boolean): void {
    this.current = session;
    this.schedule(session);
    const isSame = this.account.status === "signed-in" && sameUser(this.account.user, session.user);
    this.account = isSame ? this.account : { status: "signed-in", user: session.user };
    this.options.onChange(this.account, isOurs);
  }

  private drop(account: Account, isOurs: boolean): void {
    this.stop();
    this.account = account;
    this.options.onChange(account, isOurs);
  }

  /** Refreshes ahead of time, so that the socket can go on with the new token. */
  private schedule(session: StoredSession): void {
    const { clock } = this.options;
    clock.clearTimeout(this.timer);
    const wait = session.expiresAt - this.ahead(session) - clock.now();
    this.timer = clock.setTimeout(
      () => {
        if (this.options.tabs.isLeader) this.renew(session.accessToken).catch(() => {}); // the next call tells
      },
      Math.min(Math.max(wait, 0), LONGEST_TIMER),
    );
  }

  private ahead(session: StoredSession): number {
    return Math.min(this.options.timing.refreshAhead, session.lifetime / 2);
  }

  private async stored(): Promise<StoredSession | undefined> {
    const [stored] = await this.options.storage.read([this.options.key]);
    return stored as StoredSession | undefined;
  }

  private async store(session: StoredSession): Promise<void> {
    try {
      await this.options.storage.write([[this.options.key, session]], []);
    } catch (failure) {
      this.options.onStorageFailure(failure);
    }
  }
}

const LONGEST_TIMER = 2 ** 31 - 1;

function sameUser(before: User | null, after: User): boolean {
  return (
    before !== null &&
    before.id === after.id &&
    before.name === after.name &&
    before.email === after.email &&
    before.avatar === after.avatar
  );
}
