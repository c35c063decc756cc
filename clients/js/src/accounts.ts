/** Accounts: sign-in, the profile, the sessions on all devices, privacy settings. */
import { type Core, isConnected, signedOutError } from "./core.js";
import type { Device } from "./environment.js";
import { asChatError, type ChatError } from "./errors.js";
import type { Lifecycle } from "./lifecycle.js";
import { Source } from "./observable.js";
import { key } from "./records.js";
import type { Tokens } from "./session/stored-session.js";
import type {
  Accounts,
  Credentials,
  DeviceSession,
  Privacy,
  ProfileChanges,
  Registration,
  Sessions,
} from "./types/accounts.js";
import type { List } from "./types/lists.js";
import type { User } from "./types/people.js";

const NO_SESSIONS = { code: "NO_SESSIONS", message: "No other devices." };
/** Keeps a logout short where there is no network. */
const LOGOUT_TIMEOUT = 3000;

export interface AccountParts {
  readonly core: Core;
  readonly lifecycle: Lifecycle;
  readonly device: () => Promise<Device>;
}

export class AccountService implements Accounts {
  readonly subscribe: Accounts["subscribe"];
  readonly getSnapshot: Accounts["getSnapshot"];
  readonly sessions: SessionList;
  readonly privacy: PrivacySettings;

  constructor(private readonly parts: AccountParts) {
    const { core } = parts;
    this.subscribe = core.account.subscribe;
    this.getSnapshot = core.account.getSnapshot;
    this.sessions = new SessionList(core);
    this.privacy = new PrivacySettings(core);
  }

  async register(registration: Registration): Promise<User> {
    const body = { protocol: 2, ...(await this.parts.device()), ...registration };
    return this.signIn(this.parts.core.http.post("/api/auth/register", body, { anonymous: true }));
  }

  async login(credentials: Credentials): Promise<User> {
    const body = { protocol: 2, ...(await this.parts.device()), ...credentials };
    return this.signIn(this.parts.core.http.post("/api/auth/login", body, { anonymous: true }));
  }

  private async signIn(answer: Promise<Tokens & { data: User }>): Promise<User> {
    const [signedIn] = await Promise.all([answer, this.parts.lifecycle.ready]);
    const { id, name, email, avatar } = signedIn.data;
    const user = { id, name, email, avatar };
    await this.parts.core.session.begin(signedIn, user);
    await this.parts.lifecycle.settled;
    await this.parts.lifecycle.eraseOthers(user.id);
    return user;
  }

  /** If the server is out of reach, its session lasts until it expires; this device forgets it all the same. */
  async logout(): Promise<void> {
    const { http } = this.parts.core;
    await this.leave(() => http.post("/api/auth/logout", undefined, { timeout: LOGOUT_TIMEOUT }).catch(() => {}));
  }

  async logoutEverywhere(): Promise<void> {
    await this.leave(() => this.parts.core.http.post("/api/auth/logout-all", undefined));
  }

  /** Ends the session last: whoever sees that they are signed out may close the app at once. */
  private async leave(tellServer: () => Promise<unknown>): Promise<void> {
    const { lifecycle, core } = this.parts;
    const userId = core.me();
    if (!userId) return;
    await core.session.end("logout", undefined, async () => {
      await tellServer();
      await lifecycle.erase(userId);
    });
    await lifecycle.settled;
  }

  async changePassword(currentPassword: string, newPassword: string): Promise<void> {
    await this.parts.core.http.post("/api/auth/password", { currentPassword, newPassword });
  }

  async updateProfile(changes: ProfileChanges): Promise<User> {
    const { http, session, delivery } = this.parts.core;
    const { data } = await http.put("/api/user/profile", changes);
    const user = { id: data.id, name: data.name, email: data.email, avatar: data.avatar };
    await session.changeUser(user);
    if (this.parts.core.isLeader()) delivery.updateProfile(user);
    return user;
  }
}

/** The user's sessions on all devices. Loaded whenever the first listener subscribes. */
class SessionList implements Sessions {
  private readonly source: Source<List<DeviceSession>>;
  readonly subscribe: Sessions["subscribe"];
  readonly getSnapshot: Sessions["getSnapshot"];
  private data: readonly DeviceSession[] | undefined;
  private error: ChatError | undefined;

  constructor(private readonly core: Core) {
    this.source = new Source(() => this.make(), { first: () => void this.refresh() });
    this.subscribe = this.source.subscribe;
    this.getSnapshot = this.source.getSnapshot;
    core.store.events.on("reset", () => {
      this.data = undefined;
      this.error = undefined;
      this.source.changed();
    });
    core.connection.subscribe(() => {
      if (this.error && this.source.isUsed && isConnected(core.connection.value)) void this.refresh();
      this.source.changed();
    });
  }

  private make(): List<DeviceSession> {
    const { data = [] } = this;
    const error = signedOutError(this.core) ?? this.error;
    const status = data.length > 0 ? "ready" : error ? "error" : this.data ? "empty" : "loading";
    return {
      status,
      data,
      stale: !isConnected(this.core.connection.value),
      ...(error && { error }),
      ...(status === "empty" && { reason: NO_SESSIONS }),
    };
  }

  async refresh(): Promise<void> {
    if (!this.core.me()) return;
    try {
      this.data = (await this.core.http.get("/api/auth/sessions")).data;
      this.error = undefined;
    } catch (thrown) {
      this.error = asChatError(thrown);
    }
    this.source.changed();
  }

  async end(sessionId: string): Promise<void> {
    await this.core.http.delete("/api/auth/sessions/{session_id}", { params: { session_id: sessionId }, attempts: 3 });
    await this.refresh();
  }
}

class PrivacySettings {
  private readonly source: Source<Privacy | null>;
  readonly subscribe: Source<Privacy | null>["subscribe"];
  readonly getSnapshot: Source<Privacy | null>["getSnapshot"];

  constructor(private readonly core: Core) {
    this.source = new Source(() => core.store.get<Privacy>(key.privacy) ?? null, {
      first: () => void this.refresh().catch((error: ChatError) => core.report(error)),
    });
    this.subscribe = this.source.subscribe;
    this.getSnapshot = this.source.getSnapshot;
    core.store.events.on("record", (changed) => changed === key.privacy && this.source.changed());
    core.store.events.on("reset", () => this.source.changed());
  }

  async refresh(): Promise<void> {
    if (!this.core.me()) return;
    this.put((await this.core.http.get("/api/user/privacy")).data);
  }

  async update(changes: Partial<Privacy>): Promise<void> {
    this.put((await this.core.http.put("/api/user/privacy", changes, { attempts: 3 })).data);
  }

  private put({ hideLastSeen, hideReadReceipts }: Privacy): void {
    this.core.store.put(key.privacy, { hideLastSeen, hideReadReceipts });
  }
}
