import type { Linked } from "./core.js";
import { asChatError } from "./errors.js";
import type { OutboxRecord } from "./records.js";
import type { Entry } from "./wire.js";

function bodyOf({ clientMsgId, content, attachment, replyTo, mentions = [], forward }: OutboxRecord) {
  if (forward) return { clientMsgId, forwardOf: forward.of };
  return {
    clientMsgId,
    content,
    attachment,
    ...(replyTo && { replyTo }),
    ...(mentions.length > 0 && { mentions: [...mentions] }),
  };
}

/** One attempt to send, over the socket, or over HTTP where there is none. Returns the acknowledged entry. */
export async function sendMessage(
  { link, http }: Pick<Linked, "link" | "http">,
  message: OutboxRecord,
): Promise<Entry> {
  const { conversationId } = message;
  const body = bodyOf(message);
  const socket = link.liveSocket;
  if (!socket) {
    const params = { conversation_id: conversationId };
    return (await http.post("/api/conversations/{conversation_id}/messages", body, { params })).data;
  }
  try {
    return (await socket.request("newMessage", { conversationId, ...body })).data;
  } catch (thrown) {
    if (asChatError(thrown).code === "TIMEOUT") link.checkAlive();
    throw thrown;
  }
}
