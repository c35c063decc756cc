/** The pinned messages of a conversation. */
import type { Core } from "./core.js";
import { MessageViews } from "./message-views.js";
import type { Message } from "./types/messages.js";

/** Loads the pinned messages of a conversation, those pinned last first. Throws ChatError. */
export async function loadPins(core: Core, conversationId: string): Promise<readonly Message[]> {
  const params = { conversation_id: conversationId };
  const { data } = await core.http.get("/api/conversations/{conversation_id}/pins", undefined, { params });
  const views = new MessageViews(core.me);
  const record = core.delivery.record(conversationId);
  if (record) views.setRecord(record);
  return data.map((entry) => views.item(entry)).filter((item): item is Message => item?.kind === "message");
}
