/** The session on this device. Its tokens are refreshed ahead of time, by one tab at a time. */
import { asChatError, ChatError, signedOut } from "./errors.js";
import type { Http, TokenSource } from "./http.js";
import { withLease } from "./lease.js";
import { Emitter } from "./observable.js";
import type { Clock, Timing } from "./options.js";
import type { ChatStorage } from "./storage/storage.js";
import type { Tabs } from "./tabs.js";
import type { Account, SignOutReason, User } from "./types.js";

/** The stored session. `expiresAt` is the access token's, on this device's clock. */
export interface StoredSession {
  readonly user: User;
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresAt: number;
  /** The lifetime of the access token, in milliseconds. */
  readonly lifetime: number;
}

export interface Tokens {
  readonly accessToken?: string;
  readonly token: string;
  readonly refreshToken?: string;
  readonly expiresIn: number;
}

const REFRESH_ATTEMPTS = 4;
/** The share of `refreshTimeout` after which the refresh gives up: well before another tab may start its own. */
const EXCHANGE_SHARE = 2 / 3;

export interface SessionOptions {
  readonly key: string;
  readonly storage: ChatStorage;
  /** The storage in which an earlier version of the app kept the session, if it is another one. */
  readonly formerStorage?: ChatStorage;
  /** For the refresh, which is anonymous. */
  readonly http: Http;
  readonly tabs: Tabs<never> | Tabs<unknown>;
  readonly clock: Clock;
  readonly timing: Timing;
  readonly newId: () => string;
  readonly onStorageFailure: (error: unknown) => void;
}

interface SessionEvents {
  /** The account or its tokens have changed; `isOurs` when this tab changed them. */
  changed: { readonly account: Account; readonly isOurs: boolean };
}

export class Session implements TokenSource {
  readonly events = new Emitter<SessionEvents>();
  account: Account = { status: "starting", user: null };
  private current: StoredSession | undefined;
  private refreshing: Promise<string> | undefined;
  private timer: unknown;
  private isEnding = false;
  /** Storage has refused the current session, so it holds an older one, or none. */
  private isUnstored = false;

  constructor(private readonly options: SessionOptions) {}

  get accessToken(): string | undefined {
    return this.current?.accessToken;
  }

  /** The session that other tabs can't read from storage. */
  get unstored(): StoredSession | undefined {
    return this.isUnstored ? this.current : undefined;
  }

  /** Takes over the stored session. */
  async restore(): Promise<void> {
    const stored = await this.readStored();
    const former = await this.migrate(stored !== undefined);
    this.use(stored ?? former);
  }

  /** Another tab has changed the session: read it from storage if undefined; null means that it has ended. */
  async receive(session: StoredSession | null | undefined): Promise<void> {
    this.isUnstored = isSession(session);
    this.use(session === undefined ? await this.readStored() : (session ?? undefined));
  }

  private use(session: StoredSession | undefined): void {
    if (session) this.adopt(session, false);
    else if (this.account.status !== "signed-out") this.drop({ status: "signed-out", user: null }, false);
  }

  /** Moves a session from the general storage to the one for tokens. */
  private async migrate(isReplaced: boolean): Promise<StoredSession | undefined> {
    const { formerStorage, key } = this.options;
    if (!formerStorage) return undefined;
    const [former] = await formerStorage.read([key]);
    if (former === undefined) return undefined;
    if (!isReplaced && isSession(former)) await this.store(former);
    if (!this.isUnstored) await formerStorage.write([], [key]);
    return isSession(former) ? former : undefined;
  }

  /** Storage can't be read: the account is signed out here, and nothing is removed. */
  unreadable(error: ChatError): void {
    this.drop({ status: "signed-out", user: null, error }, false);
  }

  /** The user has logged in. */
  async begin(tokens: Tokens, user: User): Promise<void> {
    const session = this.fromTokens(tokens, user);
    await this.store(session);
    this.adopt(session, true);
  }

  /** Changes the user's name, avatar or address. Keeps the stored tokens: another tab may have newer ones. */
  changeUser(changes: Partial<User> & Pick<User, "id">): Promise<void> {
    return this.exclusively(async () => {
      const session = (await this.readStoredIfPossible()) ?? this.current;
      if (!session || !this.current || session.user.id !== changes.id) return;
      const renamed = { ...session, user: { ...session.user, ...changes } };
      await this.store(renamed);
      this.adopt(renamed, true);
    });
  }

  /** The session is over: forget it on this device. */
  async end(reason: SignOutReason, error?: ChatError): Promise<void> {
    if (this.account.status === "signed-out" || this.isEnding) return;
    this.isEnding = true;
    this.stop();
    try {
      await this.options.storage.write([], [this.options.key]);
      await this.options.formerStorage?.write([], [this.options.key]);
    } catch (failure) {
      this.options.onStorageFailure(failure);
    }
    this.isEnding = false;
    this.isUnstored = false;
    this.drop({ status: "signed-out", user: null, reason, ...(error && { error }) }, true);
  }

  async token(): Promise<string> {
    const session = this.current;
    if (!session) throw signedOut();
    const isFresh = session.expiresAt - this.options.clock.now() > this.refreshMargin(session);
    return isFresh ? session.accessToken : this.renew(session.accessToken);
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

  /** Returns another access token than `expired`. Throws ChatError; SIGNED_OUT if the session is over. */
  renew(expired: string): Promise<string> {
    if (this.current && this.current.accessToken !== expired) return Promise.resolve(this.current.accessToken);
    this.refreshing ??= this.exclusively(() => this.refresh(expired)).finally(() => {
      this.refreshing = undefined;
    });
    return this.refreshing;
  }

  stop(): void {
    this.options.clock.clearTimeout(this.timer);
    this.current = undefined;
  }

  /** Runs in one tab at a time: to the server, two pairs of tokens in use look like a theft. */
  private exclusively<T>(work: () => Promise<T>): Promise<T> {
    const { tabs, storage, key, clock, newId, timing } = this.options;
    if (tabs.hasLocks || !storage.shared) return tabs.exclusively("refresh", work);
    return withLease({ storage, key: `${key}/lease`, clock, newId, lifetime: timing.refreshTimeout }, work);
  }

  private async refresh(expired: string): Promise<string> {
    const session = (await this.readStoredIfPossible()) ?? this.current;
    if (!session || !this.current) throw signedOut();
    if (session.accessToken !== expired) return this.follow(session);
    const tokens = await this.exchange(session).catch(asChatError);
    const newer = await this.newerThan(session); // another tab may have refreshed while this one was suspended
    if (newer) return this.follow(newer);
    if (tokens instanceof ChatError) {
      if (tokens.statusCode === 401) await this.end(reasonOf(tokens), tokens);
      throw tokens;
    }
    if (!this.current) throw signedOut();
    const renewed = this.fromTokens(tokens, session.user);
    await this.store(renewed);
    this.adopt(renewed, true);
    return renewed.accessToken;
  }

  /** Uses the tokens that another tab has refreshed. */
  private follow(session: StoredSession): string {
    if (!this.current) throw signedOut();
    this.adopt(session, false);
    return session.accessToken;
  }

  private async newerThan(session: StoredSession): Promise<StoredSession | undefined> {
    const stored = await this.readStoredIfPossible();
    return stored && stored.accessToken !== session.accessToken ? stored : undefined;
  }

  /** May be repeated after a lost answer: the server issues another pair, and only the pair that is used counts. */
  private async exchange(session: StoredSession): Promise<Tokens> {
    const { clock, timing, http } = this.options;
    const controller = new AbortController();
    const timer = clock.setTimeout(() => controller.abort(), timing.refreshTimeout * EXCHANGE_SHARE);
    try {
      const call = { anonymous: true, attempts: REFRESH_ATTEMPTS, signal: controller.signal };
      return await http.post("/api/auth/refresh", { refreshToken: session.refreshToken }, call);
    } finally {
      clock.clearTimeout(timer);
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
    this.events.emit("changed", { account: this.account, isOurs });
  }

  private drop(account: Account, isOurs: boolean): void {
    this.stop();
    this.account = account;
    this.events.emit("changed", { account, isOurs });
  }

  /** Refreshes ahead of time, so that the socket can go on with the new token. */
  private schedule(session: StoredSession): void {
    const { clock } = this.options;
    clock.clearTimeout(this.timer);
    const wait = session.expiresAt - this.refreshMargin(session) - clock.now();
    this.timer = clock.setTimeout(
      () => {
        if (this.options.tabs.isLeader) this.renew(session.accessToken).catch(() => {}); // the next call reports it
      },
      Math.min(Math.max(wait, 0), LONGEST_TIMER),
    );
  }

  private refreshMargin(session: StoredSession): number {
    return Math.min(this.options.timing.refreshAhead, session.lifetime / 2);
  }

  private async readStored(): Promise<StoredSession | undefined> {
    if (this.isUnstored) return this.current;
    const [stored] = await this.options.storage.read([this.options.key]);
    if (stored === undefined || isSession(stored)) return stored;
    this.options.onStorageFailure(new Error("the stored session is damaged"));
    return undefined;
  }

  private async readStoredIfPossible(): Promise<StoredSession | undefined> {
    try {
      return await this.readStored();
    } catch (failure) {
      this.options.onStorageFailure(failure);
      return undefined;
    }
  }

  private async store(session: StoredSession): Promise<void> {
    try {
      await this.options.storage.write([[this.options.key, session]], []);
      this.isUnstored = false;
    } catch (failure) {
      this.isUnstored = true;
      this.options.onStorageFailure(failure);
    }
  }
}

function isSession(value: unknown): value is StoredSession {
  const { user, accessToken, refreshToken, expiresAt } = (value ?? {}) as Partial<StoredSession>;
  return (
    typeof user?.id === "string" &&
    typeof accessToken === "string" &&
    typeof refreshToken === "string" &&
    typeof expiresAt === "number"
  );
}

function reasonOf(error: ChatError): SignOutReason {
  if (error.code === "TOKEN_EXPIRED") return "session-expired";
  return error.code === "ACCOUNT_GONE" ? "account-gone" : "session-ended";
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
