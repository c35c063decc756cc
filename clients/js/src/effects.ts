/** Subscribes the parts to entries that were applied and to changes of the connection. */
import type { Acts } from "./acts.js";
import type { Linked } from "./core.js";
import { MessageViews } from "./message-views.js";
import type { Outbox } from "./outbox.js";
import type { PresenceStore, TypingStore } from "./people.js";
import type { Receipts } from "./receipts.js";
import type { ConnectionState } from "./types/connection.js";
import { author, type Entry } from "./wire.js";

export interface EffectParts {
  readonly linked: Linked;
  readonly outbox: Outbox;
  readonly acts: Acts;
  readonly receipts: Receipts;
  readonly presence: PresenceStore;
  readonly typing: TypingStore;
}

export function subscribeEffects(parts: EffectParts): void {
  const { linked, outbox, acts, receipts } = parts;
  const { delivery, link } = linked;
  delivery.events.on("gap", () => link.syncSoon());
  delivery.events.on("applied", ({ entries, isLive }) => entriesApplied(parts, entries, isLive));
  link.events.on("state", (state) => connectionChanged(parts, state));
  link.events.on("transport", () => {
    outbox.pump();
    acts.pump();
    receipts.resume();
  });
}

/** `isLive` when the entries have come just now. */
function entriesApplied(parts: EffectParts, entries: readonly Entry[], isLive: boolean): void {
  const { linked, outbox, acts, receipts } = parts;
  const own = entries.filter((entry) => author(entry).id === linked.me());
  for (const queue of [outbox, acts]) {
    if (own.length > 0) queue.removeArrived(own);
    const last = entries.at(-1);
    if (last) queue.sweep(last.conversationId, last.seq);
  }
  if (!linked.isLeader()) return;
  receipts.markDelivered(entries);
  for (const entry of entries) entryApplied(parts, entry, isLive);
}

function entryApplied({ linked, presence, typing }: EffectParts, entry: Entry, isLive: boolean): void {
  if (entry.type === "member_added") {
    const record = linked.delivery.record(entry.conversationId);
    presence.refreshUnknown(record?.conversation.participants.map((member) => member.id) ?? []);
  }
  if (entry.type !== "message") return;
  const { id } = author(entry);
  typing.remove(entry.conversationId, id);
  if (isLive && id !== linked.me()) emitMessage(linked, entry);
}

function emitMessage({ me, events }: Linked, entry: Entry): void {
  const item = new MessageViews(me).item(entry);
  if (item?.kind === "message") events.emit("message", item);
}

function connectionChanged({ linked, presence, typing }: EffectParts, now: ConnectionState): void {
  const before = linked.connection.value;
  linked.connection.set(now);
  if (now.status === "api") void presence.refresh(); // nothing is pushed: ask each time the socket is tried
  if (now.status === before.status) return;
  if (now.status === "live") void presence.refresh();
  else if (before.status === "live") typing.clear();
}
