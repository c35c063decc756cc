/** Search by the server: a device stores only what was looked at, so it can't answer by itself. */
import { type Core, signedOutError } from "./core.js";
import { asChatError, ChatError } from "./errors.js";
import { MessageViews } from "./message-views.js";
import type { Message } from "./types/messages.js";
import type { FoundPage, SearchQuery } from "./types/search.js";
import type { Entry } from "./wire.js";

const NOTHING: FoundPage = { data: [], more: false, next: () => Promise.resolve(NOTHING) };

/** A page of messages with these words. `next` is the end of the page before. Throws ChatError. */
export async function searchMessages(core: Core, query: SearchQuery, next?: string): Promise<FoundPage> {
  const { text, before, after, signal, ...filters } = query;
  const times = { before: before?.toISOString(), after: after?.toISOString() };
  const call = signal ? { signal } : {};
  const refusal = signedOutError(core) ?? (core.connection.value.status === "offline" ? offline() : undefined);
  if (refusal) throw refusal;
  try {
    const { data, pagination } = await core.http.get("/api/search", { q: text, ...filters, ...times, next }, call);
    const last = pagination.next;
    const found = data.flatMap(({ message, highlights }) => {
      const shown = loadedMessage(core, message);
      return shown
        ? [{ message: shown, highlights: highlights.map(([offset = 0, length = 0]) => ({ offset, length })) }]
        : [];
    });
    if (found.length === 0 && last !== null) return await searchMessages(core, query, last); // all of them were hidden
    return {
      data: found,
      more: pagination.hasMore,
      next: async (stop) => {
        return last === null ? NOTHING : searchMessages(core, { ...query, ...(stop && { signal: stop }) }, last);
      },
    };
  } catch (thrown) {
    const error = asChatError(thrown);
    throw error.code === "NETWORK_ERROR" ? offline(error) : error;
  }
}

function offline(cause?: ChatError): ChatError {
  return new ChatError({
    code: "NETWORK_ERROR",
    message: "Searching messages needs a connection to the server.",
    cause,
  });
}

/** A message that came outside of its timeline, as it is here; null for one that the user has hidden. */
export function loadedMessage(core: Core, entry: Entry): Message | null {
  const views = new MessageViews(core.me);
  const record = core.delivery.record(entry.conversationId);
  if (record) views.setRecord(record);
  const item = views.item(entry, core.acts);
  return item?.kind === "message" ? item : null;
}
