/** The list of the starred messages: loaded from the server, and again when a star comes or goes on any device. */
import { type Core, isConnected, signedOutError } from "./core.js";
import { asChatError, type ChatError } from "./errors.js";
import { Source } from "./observable.js";
import type { ConversationRecord } from "./records.js";
import { loadedMessage } from "./search.js";
import type { Message } from "./types/messages.js";
import type { StarredMessages, Stars } from "./types/stars.js";
import type { Entry } from "./wire.js";

const NONE_YET = { code: "NO_STARS", message: "No starred messages yet." };

export class StarList implements Stars {
  private readonly source: Source<StarredMessages>;
  readonly subscribe: Stars["subscribe"];
  readonly getSnapshot: Stars["getSnapshot"];
  private readonly known = new Map<string, readonly string[] | undefined>();
  private entries: readonly Entry[] | undefined;
  private next: string | null = null;
  private error: ChatError | undefined;
  private loading: Promise<void> | undefined;
  private loadingMore: Promise<void> | undefined;
  private isFresh = false;

  constructor(private readonly core: Core) {
    this.source = new Source(() => this.make(), { first: () => this.isFresh || void this.refresh() });
    this.subscribe = this.source.subscribe;
    this.getSnapshot = this.source.getSnapshot;
    core.store.events.on("record", (changed) => changed.startsWith("c/") && this.recordChanged(changed));
    core.store.events.on("reset", () => {
      this.entries = undefined;
      this.outdated();
    });
    core.connection.subscribe(() => {
      if (!isConnected(core.connection.value)) this.isFresh = false;
      else if (this.source.isUsed && !this.isFresh) void this.refresh();
      this.source.changed();
    });
  }

  private recordChanged(name: string): void {
    const stars = this.core.store.get<ConversationRecord>(name)?.stars;
    if (stars === this.known.get(name)) return;
    this.known.set(name, stars);
    this.outdated();
  }

  private outdated(): void {
    this.isFresh = false;
    this.source.changed();
    if (this.source.isUsed) void this.refresh();
  }

  private make(): StarredMessages {
    const data = (this.entries ?? []).flatMap((entry) => this.view(entry) ?? []);
    const error = signedOutError(this.core) ?? this.error;
    const isEmpty = data.length === 0;
    return {
      status: !isEmpty ? "ready" : error ? "error" : this.entries ? "empty" : "loading",
      data,
      stale: !this.isFresh,
      hasMore: this.next !== null,
      loadingMore: this.loadingMore !== undefined,
      ...(error && { error }),
      ...(isEmpty && this.entries && { reason: NONE_YET }),
    };
  }

  /** Null for a message whose star was taken back since. */
  private view(entry: Entry): Message | null {
    const record = this.core.delivery.record(entry.conversationId);
    if (record?.stars && !record.stars.includes(entry.id)) return null;
    const message = loadedMessage(this.core, entry);
    return message?.starred ? message : null;
  }

  async refresh(): Promise<void> {
    while (this.loading) await this.loading; // what it loads may be from before the last change
    this.loading = this.load().finally(() => {
      this.loading = undefined;
      this.source.changed();
    });
    return this.loading;
  }

  private async load(): Promise<void> {
    if (!this.core.me()) return;
    this.isFresh = true;
    try {
      const { data, pagination } = await this.core.http.get("/api/user/stars", {});
      this.entries = data as Entry[];
      this.next = pagination.nextAfter;
      this.error = undefined;
    } catch (thrown) {
      this.isFresh = false;
      this.error = asChatError(thrown);
    }
  }

  loadMore(): Promise<void> {
    const { next } = this;
    if (next === null) return Promise.resolve();
    this.loadingMore ??= this.loadAfter(next).finally(() => {
      this.loadingMore = undefined;
      this.source.changed();
    });
    this.source.changed();
    return this.loadingMore;
  }

  private async loadAfter(after: string): Promise<void> {
    try {
      const { data, pagination } = await this.core.http.get("/api/user/stars", { after });
      if (this.next !== after) return; // loaded anew meanwhile
      const known = new Set(this.entries?.map(({ id }) => id));
      this.entries = [...(this.entries ?? []), ...(data as Entry[]).filter(({ id }) => !known.has(id))];
      this.next = pagination.nextAfter;
      this.error = undefined;
    } catch (thrown) {
      this.error = asChatError(thrown);
    }
  }
}
