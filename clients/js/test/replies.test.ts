/** Replies: a quote shows with them, and follows what becomes of the message. */
import { expect, test } from "vitest";
import { type Message, memoryStorage } from "../src/index.js";
import { EntryWindow, withoutDeleted } from "../src/message-changes.js";
import type { Entry } from "../src/wire.js";
import { pair, sees, until } from "./support/chats.js";

const SECRET = "quizzaciously";

function last(data: readonly unknown[]): Message | undefined {
  return data.at(-1) as Message | undefined;
}

test("a reply shows its quote at once and everywhere, an edit follows, a deletion empties it and wipes the device", async () => {
  const storage = memoryStorage();
  const { tini, bdbb, id } = await pair({ storage });
  const [here, there] = [tini.chat.messages(id), bdbb.chat.messages(id)];
  there.send(SECRET);
  const [question] = await sees(tini.chat, id, SECRET);
  await until(here, ({ data }) => last(data)?.content === SECRET);
  const sending = here.send({ content: "Yes", replyTo: question?.id as string });
  expect(sending.replyTo).toMatchObject({ preview: SECRET, sender: { id: bdbb.user.id }, contentKind: "text" });
  const quoted = (preview: string) => (data: readonly unknown[]) => last(data)?.replyTo?.preview === preview;
  for (const messages of [here, there]) {
    const { data } = await until(messages, ({ data }) => last(data)?.seq === 2 && quoted(SECRET)(data));
    expect(last(data)?.replyTo).toMatchObject({ id: question?.id, seq: 1, unavailable: false });
  }
  await there.edit(question?.id as string, `${SECRET}!`);
  for (const messages of [here, there]) await until(messages, ({ data }) => quoted(`${SECRET}!`)(data));
  await there.remove(question?.id as string);
  for (const messages of [here, there]) {
    const { data } = await until(messages, ({ data }) => last(data)?.replyTo?.unavailable === true);
    expect(last(data)?.replyTo).toMatchObject({ id: question?.id, preview: "", sender: null });
  }
  const stored = async () => JSON.stringify(await storage.read(await storage.keys("")));
  await expect.poll(stored).not.toContain(SECRET);
});

test("a quote of a message that the user has deleted for themselves shows nothing, to them alone", async () => {
  const { tini, bdbb, id } = await pair();
  const [here, there] = [tini.chat.messages(id), bdbb.chat.messages(id)];
  there.send(SECRET);
  const [question] = await sees(tini.chat, id, SECRET);
  here.send({ content: "Yes", replyTo: question?.id as string });
  await until(there, ({ data }) => last(data)?.replyTo?.preview === SECRET);
  await here.hide(question?.id as string);
  const { data } = await until(here, ({ data }) => last(data)?.replyTo?.unavailable === true);
  expect(data).toMatchObject([{ content: "Yes", replyTo: { id: question?.id, preview: "" } }]);
  expect(last(there.getSnapshot().data)?.replyTo).toMatchObject({ preview: SECRET });
});

test("a reply to what is not there fails for good", async () => {
  const { tini, id } = await pair();
  const here = tini.chat.messages(id);
  here.send({ content: "Yes", replyTo: "f".repeat(24) });
  const { data } = await until(here, ({ data }) => last(data)?.status === "failed");
  expect(last(data)?.error).toMatchObject({ code: "MESSAGE_NOT_FOUND" });
});

function entryOf(seq: number, over: Partial<Entry>): Entry {
  const ids = { id: `e${seq}`, _id: `e${seq}`, conversationId: "c", clientMsgId: `m${seq}`, hash: `h${seq}` };
  return { ...ids, seq, mseq: 1, type: "message", createdAt: "2026-01-31T09:30:00.000Z", ...over };
}

function changeOf(seq: number, type: string, more: object): Entry {
  return entryOf(seq, { type, change: { messageId: "e1", targetSeq: 1, targetMseq: 1, ...more } });
}

test("a quote is changed by what is newer alone, in whatever order it comes", () => {
  const sender = { id: "u", _id: "u", name: "U", avatar: null };
  const reply = entryOf(2, {
    content: "Yes",
    replyTo: { id: "e1", seq: 1, sender, kind: "text", preview: "five", changedSeq: 5 },
  });
  const window = new EntryWindow();
  for (const entry of [changeOf(3, "message_edited", { content: "three" }), reply]) window.add(entry);
  expect(window.get(2)?.replyTo).toMatchObject({ preview: "five" });
  window.add(changeOf(6, "message_edited", { content: "\u{1F600}".repeat(300) }));
  expect(window.get(2)?.replyTo).toMatchObject({ preview: "\u{1F600}".repeat(200), changedSeq: 6 });
  window.add(changeOf(7, "message_edited", { content: "", withheld: true }));
  expect(window.get(2)?.replyTo).toMatchObject({ changedSeq: 6 });
  const deletion = changeOf(8, "message_deleted", {});
  window.add(deletion);
  expect(window.get(2)).toMatchObject({ content: "Yes", replyTo: { id: "e1", unavailable: true } });
  window.add(changeOf(9, "message_edited", { content: "late" }));
  expect(window.get(2)?.replyTo).toEqual({ id: "e1", unavailable: true });
  expect(withoutDeleted(reply, deletion).replyTo).toEqual({ id: "e1", unavailable: true });
});
