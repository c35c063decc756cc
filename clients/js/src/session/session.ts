/** The session on this device. Its tokens are refreshed ahead of time, by one tab at a time. */
import { asChatError, ChatError, signedOut } from "../errors.js";
import type { TokenSource } from "../http.js";
import { Emitter } from "../observable.js";
import type { Tabs } from "../tabs.js";
import type { Account, SignOutReason } from "../types/accounts.js";
import type { User } from "../types/people.js";
import { withLease } from "./lease.js";
import { RefreshTimer } from "./refresh-timer.js";
import { SessionStorage, type SessionStorageOptions } from "./session-storage.js";
import { isSession, type StoredSession, sameUser, sessionOf, type Tokens } from "./stored-session.js";
import { exchangeTokens, type TokenExchangeOptions } from "./token-exchange.js";

export interface SessionOptions extends SessionStorageOptions, TokenExchangeOptions {
  readonly tabs: Tabs<never> | Tabs<unknown>;
  readonly newId: () => string;
}

interface SessionEvents {
  /** The account or its tokens have changed; `isOurs` when this tab changed them. */
  changed: { readonly account: Account; readonly isOurs: boolean };
}

export class Session implements TokenSource {
  readonly events = new Emitter<SessionEvents>();
  account: Account = { status: "starting", user: null };
  private readonly stored: SessionStorage;
  private readonly timer: RefreshTimer;
  private current: StoredSession | undefined;
  private refreshing: Promise<string> | undefined;
  private isEnding = false;

  constructor(private readonly options: SessionOptions) {
    this.stored = new SessionStorage(options);
    this.timer = new RefreshTimer(options);
  }

  get accessToken(): string | undefined {
    return this.current?.accessToken;
  }

  /** The session that other tabs can't read from storage. */
  get unstored(): StoredSession | undefined {
    return this.stored.unstored;
  }

  // -------------------------------------------------------------- begin and end

  /** Takes over the stored session. */
  async restore(): Promise<void> {
    const stored = await this.stored.read();
    const former = await this.stored.migrate(stored !== undefined);
    this.use(stored ?? former);
  }

  /** Another tab has changed the session: read it from storage if undefined; null means that it has ended. */
  async receive(session: StoredSession | null | undefined): Promise<void> {
    this.stored.unstored = isSession(session) ? session : undefined;
    this.use(session === undefined ? await this.stored.read() : (session ?? undefined));
  }

  private use(session: StoredSession | undefined): void {
    if (session) this.adopt(session, false);
    else if (this.account.status !== "signed-out") this.drop({ status: "signed-out", user: null }, false);
  }

  /** Storage can't be read: the account is signed out here, and nothing is removed. */
  unreadable(error: ChatError): void {
    this.drop({ status: "signed-out", user: null, error }, false);
  }

  /** The user has logged in. */
  async begin(tokens: Tokens, user: User): Promise<void> {
    await this.changeTo(sessionOf(tokens, user, this.options.clock.now()));
  }

  /** Changes the user's name, avatar or address. Keeps the stored tokens: another tab may have newer ones. */
  changeUser(changes: Partial<User> & Pick<User, "id">): Promise<void> {
    return this.exclusively(async () => {
      const session = (await this.stored.readIfPossible()) ?? this.current;
      if (!session || !this.current || session.user.id !== changes.id) return;
      await this.changeTo({ ...session, user: { ...session.user, ...changes } });
    });
  }

  /**
   * The session is over: forget it on this device, once what has to be done `first` is done. If that throws, the session
   * stays; while it lasts, it is no news that the server has ended the session.
   */
  async end(reason: SignOutReason, error?: ChatError, first?: () => Promise<void>): Promise<void> {
    if (this.account.status === "signed-out" || this.isEnding) return;
    this.isEnding = true;
    try {
      await first?.();
      this.stop();
      await this.stored.remove();
    } finally {
      this.isEnding = false;
    }
    this.drop({ status: "signed-out", user: null, reason, ...(error && { error }) }, true);
  }

  /**
   * The server has ended this token's session. An answer about an earlier session is ignored; if another tab has newer
   * tokens, they are used.
   */
  reportLost(error: ChatError, token = this.current?.accessToken): void {
    if (token !== this.current?.accessToken) return;
    const end = () => this.end(error.code === "ACCOUNT_GONE" ? "account-gone" : "session-ended", error);
    void this.exclusively(async () => {
      if (token !== this.current?.accessToken) return;
      const newer = this.current && (await this.newerThan(this.current));
      if (newer) this.adopt(newer, false);
      else await end();
    });
  }

  stop(): void {
    this.timer.stop();
    this.current = undefined;
  }

  // -------------------------------------------------------------- tokens

  async token(): Promise<string> {
    const session = this.current;
    if (!session) throw signedOut();
    return this.timer.isFresh(session) ? session.accessToken : this.renew(session.accessToken);
  }

  /** Returns another access token than `expired`. Throws ChatError; SIGNED_OUT if the session is over. */
  renew(expired: string): Promise<string> {
    if (this.current && this.current.accessToken !== expired) return Promise.resolve(this.current.accessToken);
    this.refreshing ??= this.exclusively(() => this.refresh(expired)).finally(() => {
      this.refreshing = undefined;
    });
    return this.refreshing;
  }

  /** Runs in one tab at a time: to the server, two pairs of tokens in use look like a theft. */
  private exclusively<T>(work: () => Promise<T>): Promise<T> {
    const { tabs, storage, key, clock, newId, timing } = this.options;
    if (tabs.hasLocks || !storage.shared) return tabs.exclusively("refresh", work);
    return withLease({ storage, key: `${key}/lease`, clock, newId, lifetime: timing.refreshTimeout }, work);
  }

  private async refresh(expired: string): Promise<string> {
    const session = (await this.stored.readIfPossible()) ?? this.current;
    if (!session || !this.current) throw signedOut();
    if (session.accessToken !== expired) return this.follow(session);
    const tokens = await exchangeTokens(this.options, session.refreshToken).catch(asChatError);
    const newer = await this.newerThan(session); // another tab may have refreshed while this one was suspended
    if (newer) return this.follow(newer);
    if (tokens instanceof ChatError) {
      if (tokens.statusCode === 401) await this.end(reasonOf(tokens), tokens);
      throw tokens;
    }
    if (!this.current) throw signedOut();
    const renewed = sessionOf(tokens, session.user, this.options.clock.now());
    await this.changeTo(renewed);
    return renewed.accessToken;
  }

  /** Uses the tokens that another tab has refreshed. */
  private follow(session: StoredSession): string {
    if (!this.current) throw signedOut();
    this.adopt(session, false);
    return session.accessToken;
  }

  private async newerThan(session: StoredSession): Promise<StoredSession | undefined> {
    const stored = await this.stored.readIfPossible();
    return stored && stored.accessToken !== session.accessToken ? stored : undefined;
  }

  // -------------------------------------------------------------- the current session

  /** Stores and uses a session that this tab has changed. */
  private async changeTo(session: StoredSession): Promise<void> {
    await this.stored.write(session);
    this.adopt(session, true);
  }

  private adopt(session: StoredSession, isOurs: boolean): void {
    this.current = session;
    this.timer.start(session, () => {
      if (this.options.tabs.isLeader) this.renew(session.accessToken).catch(() => {}); // the next call reports it
    });
    const isSame = this.account.status === "signed-in" && sameUser(this.account.user, session.user);
    this.account = isSame ? this.account : { status: "signed-in", user: session.user };
    this.events.emit("changed", { account: this.account, isOurs });
  }

  private drop(account: Account, isOurs: boolean): void {
    this.stop();
    this.account = account;
    this.events.emit("changed", { account, isOurs });
  }
}

function reasonOf(error: ChatError): SignOutReason {
  if (error.code === "TOKEN_EXPIRED") return "session-expired";
  return error.code === "ACCOUNT_GONE" ? "account-gone" : "session-ended";
}
