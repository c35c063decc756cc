/** The contact list: people whom the user can write to. */
import { type Base, isConnected, signedOutError } from "./core.js";
import { asChatError, ChatError } from "./errors.js";
import { Source } from "./observable.js";
import { key } from "./records.js";
import type { ContactList, ContactPage, Contacts } from "./types/contacts.js";
import type { EmptyReason } from "./types/lists.js";
import type { User } from "./types/people.js";

/** The stored contacts: all pages loaded so far. */
interface ContactsRecord {
  readonly data: readonly User[];
  readonly next: string | null;
  readonly reason: EmptyReason | null;
}

export class ContactStore implements Contacts {
  private readonly source: Source<ContactList>;
  readonly subscribe: Contacts["subscribe"];
  readonly getSnapshot: Contacts["getSnapshot"];
  private error: ChatError | undefined;
  private isFresh = false;
  private loading: Promise<void> | undefined;
  private loadingMore: Promise<void> | undefined;
  /** The connection has come while they were loaded: somebody may be missing. */
  private isWantedAgain = false;
  /** The changes told of while they were loaded, which may be newer. */
  private told: (() => void)[] = [];

  constructor(private readonly base: Base) {
    this.source = new Source(() => this.make(), { first: () => this.isFresh || void this.refresh() });
    this.subscribe = this.source.subscribe;
    this.getSnapshot = this.source.getSnapshot;
    const { store, connection } = base;
    store.events.on("record", (changed) => changed === key.contacts && this.source.changed());
    store.events.on("reset", () => {
      this.isFresh = false;
      this.error = undefined;
      this.source.changed();
      if (this.source.isUsed) void this.refresh();
    });
    let wasConnected = false;
    connection.subscribe(() => {
      const isUp = isConnected(connection.value);
      if (!isUp) this.isFresh = false;
      else if (!wasConnected && this.loading) this.isWantedAgain = true;
      else if (!wasConnected && this.source.isUsed && !this.isFresh) void this.refresh();
      wasConnected = isUp;
      this.source.changed();
    });
  }

  private get record(): ContactsRecord | undefined {
    return this.base.store.get<ContactsRecord>(key.contacts);
  }

  private make(): ContactList {
    const { record } = this;
    const error = signedOutError(this.base) ?? this.error;
    const data = record?.data ?? [];
    const isEmpty = data.length === 0;
    const status = !isEmpty ? "ready" : error ? "error" : record ? "empty" : "loading";
    return {
      status,
      data,
      stale: !this.isFresh,
      hasMore: Boolean(record?.next),
      loadingMore: this.loadingMore !== undefined,
      ...(error && { error }),
      ...(status === "empty" && record?.reason && { reason: record.reason }),
    };
  }

  refresh(): Promise<void> {
    this.loading ??= this.loadUntilFresh();
    return this.loading;
  }

  private async loadUntilFresh(): Promise<void> {
    do {
      this.isWantedAgain = false;
      this.told = [];
      const wasConnected = isConnected(this.base.connection.value);
      const loaded = await this.load();
      if (!this.isWantedAgain) this.loading = undefined;
      this.take(loaded, wasConnected);
    } while (this.isWantedAgain);
  }

  /** All pages that were loaded before, anew; undefined while nobody is signed in. */
  private async load(): Promise<ContactsRecord | ChatError | undefined> {
    if (!this.base.me()) return undefined;
    try {
      let { data, next, reason } = await this.page({});
      const wanted = this.record?.data.length ?? 0;
      while (next !== undefined && data.length < wanted) {
        const page = await this.page({ after: next });
        [data, next] = [[...data, ...page.data], page.next];
      }
      return { data, next: next ?? null, reason: reason ?? null };
    } catch (thrown) {
      return asChatError(thrown);
    }
  }

  /** Fresh is a list that was asked for over a connection: from then on the server tells who is new. */
  private take(loaded: ContactsRecord | ChatError | undefined, wasConnected: boolean): void {
    if (loaded instanceof ChatError) this.error = loaded;
    else if (loaded) {
      this.isFresh = wasConnected && isConnected(this.base.connection.value);
      this.error = undefined;
      this.put(loaded);
      for (const change of this.told) change();
    }
    this.source.changed();
  }

  loadMore(): Promise<void> {
    const { record } = this;
    if (!record?.next) return Promise.resolve();
    this.loadingMore ??= this.loadAfter(record, record.next).finally(() => {
      this.loadingMore = undefined;
      this.source.changed();
    });
    this.source.changed();
    return this.loadingMore;
  }

  private async loadAfter(record: ContactsRecord, after: string): Promise<void> {
    try {
      const page = await this.page({ after });
      const known = new Set(record.data.map((user) => user.id));
      const added = page.data.filter((user) => !known.has(user.id));
      this.error = undefined;
      this.put({ ...record, data: [...record.data, ...added], next: page.next ?? null });
    } catch (thrown) {
      this.error = asChatError(thrown);
    }
  }

  search(text: string, options: { after?: string; limit?: number; signal?: AbortSignal } = {}): Promise<ContactPage> {
    const { signal, ...page } = options;
    return this.page({ search: text, ...page }, signal);
  }

  private async page(
    query: { search?: string; after?: string; limit?: number },
    signal?: AbortSignal,
  ): Promise<ContactPage> {
    const { data, meta } = await this.base.http.get("/api/user/contacts", query, signal ? { signal } : {});
    return {
      data: data.map(({ id, name, email, avatar }) => ({ id, name, email, avatar })),
      ...(meta?.next && { next: meta.next }),
      ...(meta?.code && { reason: { code: meta.code, message: meta.message ?? "" } }),
    };
  }

  /** Adds a person who has just signed up. */
  add(user: User): void {
    this.change(() => this.addNow(user));
  }

  private addNow(user: User): void {
    const { record } = this;
    if (!record || user.id === this.base.me() || record.data.some((known) => known.id === user.id)) return;
    const { id, name, email, avatar } = user;
    const data = [...record.data, { id, name, email, avatar }].sort((a, b) => a.name.localeCompare(b.name));
    this.put({ ...record, data, reason: null });
  }

  /** Takes over a changed name or avatar. */
  rename(profile: { id: string; name: string; avatar: string | null }): void {
    this.change(() => this.renameNow(profile));
  }

  private change(change: () => void): void {
    if (this.loading) this.told.push(change);
    change();
  }

  private renameNow(profile: { id: string; name: string; avatar: string | null }): void {
    const { record } = this;
    if (!record?.data.some((user) => user.id === profile.id)) return;
    const { id, name, avatar } = profile;
    this.put({ ...record, data: record.data.map((user) => (user.id === id ? { ...user, name, avatar } : user)) });
  }

  private put(record: ContactsRecord): void {
    this.base.store.put(key.contacts, record);
  }
}
