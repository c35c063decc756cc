/** Edits and deletions: every device shows the new text, or a tombstone, and stores nothing of what is gone. */
import { expect, test } from "vitest";
import { type Message, memoryStorage } from "../src/index.js";
import { messageChange, withMessageChange } from "../src/message-changes.js";
import type { Entry } from "../src/wire.js";
import { openChat, PASSWORD, pair, sees, until } from "./support/chats.js";

const SECRET = "quizzaciously";

function last(data: readonly unknown[]): Message | undefined {
  return data.at(-1) as Message | undefined;
}

test("an edit shows on every device, and the list shows it", async () => {
  const { tini, bdbb, id } = await pair();
  const [here, there] = [tini.chat.messages(id), bdbb.chat.messages(id)];
  here.send("Nien?");
  const [sent] = await sees(bdbb.chat, id, "Nien?");
  await here.edit(sent?.id as string, "Nine?");
  for (const messages of [here, there]) {
    const { data } = await until(messages, ({ data }) => last(data)?.content === "Nine?");
    expect(data).toMatchObject([{ content: "Nine?", deleted: false, editedAt: expect.any(String), id: sent?.id }]);
  }
  const { data } = await until(bdbb.chat.conversations, ({ data }) => data[0]?.lastMessage?.content === "Nine?");
  expect(data[0]).toMatchObject({ unreadCount: 1 });
  await expect(there.edit(sent?.id as string, "Ten")).rejects.toMatchObject({ code: "NOT_ALLOWED" });
});

test("a deletion leaves a tombstone, is not unread, and wipes the device's storage", async () => {
  const storage = memoryStorage();
  const { tini, bdbb, id } = await pair({ storage });
  const [here, there] = [tini.chat.messages(id), bdbb.chat.messages(id)];
  here.send(SECRET);
  const [sent] = await sees(bdbb.chat, id, SECRET);
  await here.edit(sent?.id as string, `${SECRET}!`);
  await until(there, ({ data }) => last(data)?.content === `${SECRET}!`);
  await here.remove(sent?.id as string);
  for (const messages of [here, there]) {
    const { data } = await until(messages, ({ data }) => last(data)?.deleted === true);
    expect(data).toMatchObject([{ content: "", attachment: null, editedAt: null, seq: 1 }]);
  }
  const { data } = await until(bdbb.chat.conversations, ({ data }) => data[0]?.lastMessage?.deleted === true);
  expect(data[0]).toMatchObject({ unreadCount: 0, lastMessage: { content: "" } });
  const stored = async () => JSON.stringify(await storage.read(await storage.keys("")));
  await expect.poll(stored).not.toContain(SECRET);
});

test("a device that comes back later shows what has become of what it had", async () => {
  const { tini, bdbb, id } = await pair();
  const storage = memoryStorage();
  const here = tini.chat.messages(id);
  for (const text of ["One", "Two", "Three"]) here.send(text);
  const [one, two] = await sees(bdbb.chat, id, "One", "Two", "Three");
  const phone = openChat({ storage });
  await phone.accounts.login({ email: bdbb.email, password: PASSWORD });
  await sees(phone, id, "One", "Two", "Three");
  await phone.close();
  await here.edit(one?.id as string, "Uno");
  await here.remove(two?.id as string);
  const again = openChat({ storage });
  const shown = (data: readonly unknown[]) => data.map((item) => (item as Message).content);
  const { data } = await until(again.messages(id), ({ data }) => shown(data)[0] === "Uno" && shown(data)[1] === "");
  expect(data).toMatchObject([{ content: "Uno" }, { deleted: true }, { content: "Three" }]);
  await until(again.conversations, ({ data }) => data[0]?.unreadCount === 2);
});

function entryOf(seq: number, over: Partial<Entry>): Entry {
  const ids = { id: `e${seq}`, _id: `e${seq}`, conversationId: "c", clientMsgId: `m${seq}`, hash: `h${seq}` };
  return { ...ids, seq, mseq: 1, type: "message", createdAt: "2026-01-31T09:30:00.000Z", ...over };
}

function edited(seq: number, content: string, more: object = {}): Entry {
  const change = {
    messageId: "e1",
    targetSeq: 1,
    targetMseq: 1,
    content,
    editedAt: "2026-01-31T09:32:00.000Z",
    ...more,
  };
  return entryOf(seq, { type: "message_edited", change });
}

test("what comes late changes nothing back, and what is deleted stays so", () => {
  const message = entryOf(1, { content: "one", attachment: null, changedSeq: 5 });
  expect(withMessageChange(message, edited(3, "older"))).toBe(message);
  expect(withMessageChange(message, edited(6, "newer"))).toMatchObject({ content: "newer", changedSeq: 6, edits: 1 });
  expect(withMessageChange(message, edited(6, "", { withheld: true }))).toMatchObject({
    content: "one",
    changedSeq: 6,
  });
  const gone = withMessageChange(message, entryOf(7, { type: "message_deleted", change: edited(7, "").change ?? {} }));
  expect(gone).toMatchObject({ content: "", deleted: true, changedSeq: 7 });
  expect(withMessageChange(gone, edited(8, "back"))).toMatchObject({ content: "", deleted: true });
  expect(messageChange(message)).toBeUndefined();
});
