/**
 * Drafts on all devices of the user: the leading tab tells the server what is stored here, and stores what it tells.
 *
 * A text that was changed here and not told yet stays, and takes the place of another device's. Drafts above 4 KB are not
 * shared.
 */
import { type Core, isConnected } from "./core.js";
import { asChatError } from "./errors.js";
import { byteLength, key, type SharedDraftRecord } from "./records.js";

const LARGEST = 4096;

export class SharedDrafts {
  private readonly telling = new Set<string>();
  private readonly sent = new Set<string>();

  constructor(private readonly core: Core) {
    core.store.events.on("record", (changed) => {
      const [kind, id = ""] = changed.split("/", 2);
      if (!core.isLeader()) return;
      if (kind === "c") this.takeOver(id);
      if (kind === "d") void this.tell(id);
    });
    core.connection.subscribe(() => {
      if (!core.isLeader() || !isConnected(core.connection.value)) return;
      for (const { id } of core.delivery.records()) void this.tell(id);
    });
  }

  /** The clientMsgId for a message that is the shared draft, once: the server removes the draft with it. */
  takeId(conversationId: string, content: string): string | undefined {
    const { draftId, told } = this.shared(conversationId);
    const isIt = told !== "" && content === told && content === this.text(conversationId);
    if (!isIt || this.sent.has(draftId) || this.core.outbox.find(draftId)) return undefined;
    this.sent.add(draftId);
    return draftId;
  }

  private text(conversationId: string): string {
    return this.core.store.get<string>(key.draft(conversationId)) ?? "";
  }

  private shared(conversationId: string): SharedDraftRecord {
    const known = this.core.store.get<SharedDraftRecord>(key.sharedDraft(conversationId));
    return known ?? { draftId: "", told: "", version: 0 };
  }

  private put(conversationId: string, shared: SharedDraftRecord): void {
    this.core.store.put(key.sharedDraft(conversationId), shared);
  }

  /** Takes over another device's draft, unless the text here was changed since the server was told. */
  private takeOver(conversationId: string): void {
    const record = this.core.delivery.record(conversationId);
    const shared = this.shared(conversationId);
    if (!record || record.draft === undefined || (record.draftVersion ?? 0) <= shared.version) return;
    const { text = "", draftId = "" } = record.draft ?? {};
    const here = this.text(conversationId);
    this.put(conversationId, { draftId, told: text, version: record.draftVersion ?? 0 });
    if (here === text || here !== shared.told) void this.tell(conversationId);
    else if (text === "") this.core.store.delete(key.draft(conversationId));
    else this.core.store.put(key.draft(conversationId), text);
  }

  /** Tells the server the text as it is here, one call at a time. A lost call is made again with the next connection. */
  private async tell(conversationId: string): Promise<void> {
    const { core, telling } = this;
    if (telling.has(conversationId)) return;
    telling.add(conversationId);
    try {
      for (let goesOn = true; goesOn; ) goesOn = await this.tellOnce(conversationId);
    } catch (thrown) {
      const error = asChatError(thrown);
      if (!error.retryable)
        this.put(conversationId, { ...this.shared(conversationId), told: this.text(conversationId) });
    } finally {
      telling.delete(conversationId);
    }
    await core.store.flush();
  }

  /** Returns whether it may have changed meanwhile. */
  private async tellOnce(conversationId: string): Promise<boolean> {
    const { core } = this;
    const text = this.text(conversationId);
    const shared = this.shared(conversationId);
    const isFit = text !== shared.told && byteLength(text) <= LARGEST;
    if (!isFit || !isConnected(core.connection.value) || !core.delivery.record(conversationId)?.isMember) return false;
    const draftId = shared.draftId && shared.told ? shared.draftId : core.newId();
    const params = { conversation_id: conversationId };
    const body = { text, draftId };
    const { data } = await core.http.put("/api/conversations/{conversation_id}/draft", body, { params });
    const version = Math.max(data.version, this.shared(conversationId).version);
    this.put(conversationId, { draftId, told: data.draft?.text ?? "", version });
    return data.draft?.text === text || text === "";
  }
}
