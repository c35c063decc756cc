/** Reads a conversation's log backwards: from the store, and from the server where the store has a gap. */
import type { Core } from "./core.js";
import { ChatError } from "./errors.js";
import { type ConversationRecord, rangeAt } from "./records.js";
import type { Entry } from "./wire.js";

const SMALLEST_PAGE = 50;
const LARGEST_PAGE = 200;

/**
 * Returns entries up to and including `upper`, ascending and without a gap: about as many as wanted.
 *
 * Returns none if storage has lost them: they count as a gap from then on, so the next call fetches them.
 * Throws ChatError.
 */
export function readBelow(core: Core, record: ConversationRecord, upper: number, wanted: number): Promise<Entry[]> {
  const range = rangeAt(record.ranges, upper);
  if (!range) return fetchGap(core, record, upper, wanted);
  return readStored(core, record, Math.max(range[0], upper - wanted + 1, record.firstSeq), upper);
}

async function readStored(core: Core, record: ConversationRecord, from: number, upper: number): Promise<Entry[]> {
  const found = await core.store.readEntries(record.id, from, upper);
  let first = upper + 1;
  while (first > from && found[found.length - 1 - (upper + 1 - first)]?.seq === first - 1) first--;
  if (first > from) core.act({ kind: "lost", id: record.id, from, to: first - 1 });
  return found.filter((entry) => entry.seq >= first);
}

/** Fetches and stores the newest entries of the gap that ends at `upper`. */
async function fetchGap(core: Core, record: ConversationRecord, upper: number, wanted: number): Promise<Entry[]> {
  const { id, firstSeq, ranges } = record;
  const below = ranges.filter((range) => range[1] <= upper).at(-1)?.[1] ?? 0;
  const limit = Math.min(LARGEST_PAGE, Math.max(wanted, SMALLEST_PAGE));
  const query = { after: Math.max(below, firstSeq - 1), before: upper + 1, limit };
  const params = { conversation_id: id };
  const { data } = await core.http.get("/api/conversations/{conversation_id}/entries", query, { params });
  const first = data[0];
  if (!first || data.at(-1)?.seq !== upper || data.length !== upper - first.seq + 1) {
    throw new ChatError({ code: "BAD_ANSWER", message: "The server's log has a hole where none can be." });
  }
  core.act({ kind: "fill", id, entries: data, from: first.seq, to: upper });
  return data;
}
