import type { Linked } from "./core.js";
import type { Receipts } from "./receipts.js";
import type { ActRecord } from "./records.js";
import type { Entry } from "./wire.js";

/** One attempt at an act. Returns the act's entry, undefined when it was in effect already. */
export async function sendAct(
  { http, delivery }: Pick<Linked, "http" | "delivery">,
  receipts: Receipts,
  { conversationId, clientMsgId, messageId: id, act }: ActRecord,
): Promise<Entry | undefined> {
  const messageId = id ?? "";
  const call = { params: { message_id: messageId } };
  const named = { conversationId, clientMsgId };
  switch (act.kind) {
    case "edit": {
      const text = { content: act.content, ...(act.mentions && { mentions: [...act.mentions] }) };
      return (await http.patch("/api/messages/{message_id}", { ...text, ...named }, call)).entry;
    }
    case "delete":
      return (await http.delete("/api/messages/{message_id}", call, { for: "everyone", ...named })).entry;
    case "react": {
      const path = "/api/messages/{message_id}/reactions/{emoji}";
      const reaction = { params: { message_id: messageId, emoji: act.emoji } };
      return (await (act.on ? http.put(path, named, reaction) : http.delete(path, reaction, named))).entry;
    }
    case "star": {
      const star = "/api/messages/{message_id}/star";
      await (act.on ? http.put(star, { conversationId }, call) : http.delete(star, call, { conversationId }));
      delivery.star(conversationId, messageId, act.on);
      return undefined;
    }
    case "pin": {
      const until = act.until === null ? {} : { until: act.until };
      return (await http.put("/api/messages/{message_id}/pin", { ...until, ...named }, call)).entry;
    }
    case "unpin":
      return (await http.delete("/api/messages/{message_id}/pin", call, named)).entry;
    case "hide": {
      const { data } = await http.delete("/api/messages/{message_id}", call, { for: "me", ...named });
      const gone = { hidden: [data.id], hiddenSeqs: [data.seq], deletedMseqs: [data.mseq] };
      delivery.changeOwn({ conversationId, version: 0, ...gone });
      return undefined;
    }
    case "settings": {
      if (act.changes.markedUnread) await receipts.tellRead(conversationId);
      const params = { conversation_id: conversationId };
      const path = "/api/conversations/{conversation_id}/settings";
      delivery.changeOwn((await http.put(path, act.changes, { params })).data);
      return undefined;
    }
  }
}
