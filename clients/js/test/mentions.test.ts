/** Mentions: shown with the message, and counted until they are read, edited away or deleted. */
import { expect, test } from "vitest";
import { mentionCount, newRecord, withEntry, withSynced } from "../src/conversation-record.js";
import type { Message } from "../src/index.js";
import type { Entry, SyncedConversation, WireConversation } from "../src/wire.js";
import { pair, until } from "./support/chats.js";

function last(data: readonly unknown[]): Message | undefined {
  return data.at(-1) as Message | undefined;
}

test("a mention is counted, moved by an edit, and gone with the message", async () => {
  const { tini, bdbb, id } = await pair();
  const [here, there] = [tini.chat.messages(id), bdbb.chat.messages(id)];
  const mention = { userId: bdbb.user.id, offset: 0, length: 5 };
  expect(here.send({ content: "@bdbb look", mentions: [mention] }).mentions).toEqual([mention]);
  const counts = (count: number) =>
    until(bdbb.chat.conversations, ({ data }) => data[0]?.mentionCount === count && data[0]?.headSeq > 0);
  await counts(1);
  const { data } = await until(there, ({ data }) => last(data)?.mentions.length === 1);
  const sent = last(data)?.id as string;
  await here.edit(sent, "look");
  await until(there, ({ data }) => last(data)?.content === "look" && last(data)?.mentions.length === 0);
  await counts(0);
  await here.edit(sent, "look, @bdbb", [{ ...mention, offset: 6 }]);
  await counts(1);
  await until(there, ({ data }) => last(data)?.mentions[0]?.offset === 6);
  await here.remove(sent);
  await counts(0);
  await until(there, ({ data }) => last(data)?.deleted === true && last(data)?.mentions.length === 0);
});

test("a mention of somebody who is no member fails for good", async () => {
  const { tini, id } = await pair();
  const here = tini.chat.messages(id);
  here.send({ content: "@who", mentions: [{ userId: "f".repeat(24), offset: 0, length: 4 }] });
  const { data } = await until(here, ({ data }) => last(data)?.status === "failed");
  expect(last(data)?.error).toMatchObject({ code: "VALIDATION_ERROR" });
});

test("what a sync says of mentions holds unless later entries are here already", () => {
  const head = { seq: 1, mseq: 1, hash: "h1" };
  const plain = { id: "c", firstSeq: 1, readSeq: 0, readMseq: 0, participants: [], lastMessage: null, updatedAt: "" };
  const record = newRecord({ ...plain, head, deletedMseqs: [], mentionMseqs: [1] } as unknown as WireConversation);
  const synced = { ...plain, head, entries: [], receipts: [], mentionMseqs: [1] } as unknown as SyncedConversation;
  expect(mentionCount(record)).toBe(1);
  const change = { messageId: "e1", targetSeq: 1, targetMseq: 1, content: "mended" };
  const ids = { id: "e2", _id: "e2", conversationId: "c", clientMsgId: "m2", hash: "h2", createdAt: "" };
  const edited: Entry = { ...ids, seq: 2, mseq: 1, type: "message_edited", change };
  const after = withEntry(record, edited, "me");
  expect(mentionCount(after)).toBe(0);
  expect(mentionCount(withSynced(after, synced))).toBe(0);
  expect(mentionCount(withSynced({ ...after, cursor: 1 }, synced))).toBe(1);
});
