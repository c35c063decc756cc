/** Reactions: shown at once, the same on every device, and taken back when the server refuses them. */
import { expect, test } from "vitest";
import { type Message, memoryStorage, type Refused, type Timeline } from "../src/index.js";
import { EntryWindow } from "../src/message-changes.js";
import { withOwnReaction, withReaction } from "../src/reactions.js";
import type { Entry } from "../src/wire.js";
import { openChat, PASSWORD, pair, proxied, sees, until } from "./support/chats.js";

function message({ data }: Timeline, index = 0): Message {
  return data[index] as Message;
}

test("a reaction shows on every device until it is taken back", async () => {
  const { tini, bdbb, id } = await pair();
  const [here, there] = [tini.chat.messages(id), bdbb.chat.messages(id)];
  here.send("Nine?");
  await sees(bdbb.chat, id, "Nine?");
  const done = there.react(message(there.getSnapshot()), "❤");
  expect(message(there.getSnapshot())).toMatchObject({ reactions: [{ mine: true, count: 1 }], changing: true });
  await done;
  await here.react(message(there.getSnapshot()).id as string, "👍");
  const both = (now: Timeline) => message(now)?.reactions.length === 2 && !message(now).changing;
  for (const [messages, mine] of [
    [here, "👍"],
    [there, "❤\uFE0F"],
  ] as const) {
    const now = await until(messages, both);
    expect(message(now).reactions).toEqual([
      { emoji: "❤\uFE0F", count: 1, users: [bdbb.user.id], mine: mine === "❤\uFE0F" },
      { emoji: "👍", count: 1, users: [tini.user.id], mine: mine === "👍" },
    ]);
  }
  await there.react(message(there.getSnapshot()), "❤", false);
  await until(here, (now) => message(now)?.reactions.length === 1);
  const { data } = bdbb.chat.conversations.getSnapshot();
  expect(data[0]).toMatchObject({ unreadCount: 1, lastMessage: { content: "Nine?" } });
});

test("a device that comes back later, and a new one, show them too", async () => {
  const { tini, bdbb, id } = await pair();
  const storage = memoryStorage();
  const here = tini.chat.messages(id);
  for (const text of ["One", "Two"]) here.send(text);
  const [one, two] = await sees(bdbb.chat, id, "One", "Two");
  const phone = openChat({ storage });
  await phone.accounts.login({ email: bdbb.email, password: PASSWORD });
  await sees(phone, id, "One", "Two");
  await phone.close();
  await here.react(one?.id as string, "👍");
  await here.react(two?.id as string, "👍");
  await here.remove(two?.id as string);
  const fresh = openChat();
  await fresh.accounts.login({ email: bdbb.email, password: PASSWORD });
  for (const chat of [openChat({ storage }), fresh]) {
    const now = await until(chat.messages(id), (now) => now.data.length === 2 && message(now, 1).deleted);
    expect(now.data).toMatchObject([{ reactions: [{ emoji: "👍", users: [tini.user.id] }] }, { reactions: [] }]);
  }
});

test("a reaction made offline shows at once, and arrives", async () => {
  const proxy = await proxied();
  const { tini, bdbb, id } = await pair({ url: proxy.url });
  const here = tini.chat.messages(id);
  here.send("Nine?");
  await sees(bdbb.chat, id, "Nine?");
  await until(here, (now) => message(now)?.seq !== null);
  await proxy.down();
  const [on, off] = [here.react(message(here.getSnapshot()), "👍"), here.react(message(here.getSnapshot()), "🎉")];
  expect(message(here.getSnapshot()).reactions.map(({ emoji }) => emoji)).toEqual(["👍", "🎉"]);
  const back = here.react(message(here.getSnapshot()), "👍", false);
  expect(message(here.getSnapshot()).reactions.map(({ emoji }) => emoji)).toEqual(["🎉"]);
  await proxy.up();
  await Promise.all([on, off, back]);
  const now = await until(bdbb.chat.messages(id), (now) => message(now)?.reactions[0]?.emoji === "🎉");
  expect(message(now).reactions).toHaveLength(1);
});

test("what the server refuses is taken back, and says why", async () => {
  const { tini, bdbb, id } = await pair();
  tini.chat.messages(id).send("Nine?");
  await sees(bdbb.chat, id, "Nine?");
  const [there, refusals] = [bdbb.chat.messages(id), [] as Refused[]];
  bdbb.chat.on("refused", (refused) => refusals.push(refused));
  const react = there.react(message(there.getSnapshot()), "nine");
  expect(message(there.getSnapshot()).reactions).toMatchObject([{ emoji: "nine" }]);
  await expect(react).rejects.toMatchObject({ code: "VALIDATION_ERROR" });
  expect(message(there.getSnapshot())).toMatchObject({ reactions: [], changing: false });
  expect(refusals).toMatchObject([{ act: { kind: "react", emoji: "nine", on: true } }]);
});

function entryOf(seq: number, over: Partial<Entry>): Entry {
  const ids = { id: `e${seq}`, _id: `e${seq}`, conversationId: "c", clientMsgId: `m${seq}`, hash: `h${seq}` };
  return { ...ids, seq, mseq: 1, type: "message", createdAt: "2026-01-31T09:30:00.000Z", ...over };
}

function reaction(seq: number, user: string, more: object = {}): Entry {
  const actor = { id: user, _id: user, name: user, avatar: null };
  const change = { messageId: "e1", targetSeq: 1, targetMseq: 1, emoji: "👍", on: true, ...more };
  return entryOf(seq, { type: "reaction", actor, change });
}

test("reactions add up to the same in whatever order the entries come", () => {
  const given = entryOf(1, { content: "Nine?", changedSeq: 2, reactions: [{ emoji: "👍", count: 1, users: ["ann"] }] });
  const entries = [
    given,
    reaction(2, "ann"), // which is counted in what is given
    reaction(3, "bob"),
    reaction(4, "ann", { on: false }),
    reaction(5, "eve", { emoji: "", withheld: true }),
  ];
  for (const order of [entries, [...entries].reverse(), [...entries.slice(2), ...entries.slice(0, 2)]]) {
    const all = new EntryWindow();
    for (const entry of order) all.add(entry);
    const shown = all.get(1);
    expect(shown?.reactions).toEqual([{ emoji: "👍", count: 1, users: ["bob"] }]);
    expect(shown?.changedSeq).toBe(5);
  }
});

test("what is so already changes nothing, and the selector makes no difference", () => {
  const rows = [{ emoji: "❤\uFE0F", count: 1, users: ["ann"] }];
  expect(withReaction(rows, "ann", "❤", true)).toEqual(rows);
  expect(withReaction(rows, "bob", "❤", false)).toEqual(rows);
  expect(withReaction(rows, "bob", "👍", false)).toEqual(rows);
  expect(withReaction(rows, "ann", "❤", false)).toEqual([]);
  expect(withOwnReaction([], "ann", "👍", true)).toEqual([{ emoji: "👍", count: 1, users: ["ann"], mine: true }]);
});
