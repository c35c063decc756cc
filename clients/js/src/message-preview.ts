/** The second line of a conversation in the list: its newest message, which may be unsent. */
import { contentKind } from "./content-kind.js";
import { ReceiptSummary } from "./message-views.js";
import type { ActRecord, ConversationRecord, LastMessage, OutboxRecord } from "./records.js";
import type { MessagePreview } from "./types/conversations.js";

/** `acts`: those on the last message that are not in the log yet. */
export function preview(
  record: ConversationRecord,
  unsent: OutboxRecord | undefined,
  acts: readonly ActRecord[],
  me: string,
): MessagePreview | null {
  if (unsent) {
    const { content, attachment, createdAt, state } = unsent;
    const own = { senderId: me, senderName: null, mine: true, deleted: false };
    return { content, attachment, contentKind: contentKind(attachment), createdAt, ...own, status: state };
  }
  if (!record.lastMessage) return null;
  const { seq, content, attachment, senderId, createdAt, deleted = false } = withActs(record.lastMessage, acts);
  const mine = senderId === me;
  const { participants } = record.conversation;
  const senderName = participants.find((member) => member.id === senderId)?.name ?? null;
  const { status } = mine ? new ReceiptSummary(record, me).statusOf(seq) : { status: "sent" as const };
  const kind = contentKind(attachment);
  return { content, attachment, contentKind: kind, createdAt, senderId, senderName, mine, deleted, status };
}

function withActs(message: LastMessage, acts: readonly ActRecord[]): LastMessage {
  let last = message;
  for (const { act } of acts) {
    if (last.deleted) return last;
    if (act.kind === "edit") last = { ...last, content: act.content };
    if (act.kind === "delete" || act.kind === "hide")
      last = { ...last, content: "", attachment: null, deleted: act.kind === "delete" };
  }
  return last;
}
