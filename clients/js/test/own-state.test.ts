/** The user's own settings of a conversation follow to all devices, and nobody else hears of them. */
import { expect, test } from "vitest";
import { type Message, memoryStorage } from "../src/index.js";
import { newPerson, openChat, PASSWORD, pair, proxied, sees, until } from "./support/chats.js";
import type { Seen } from "./support/proxy.js";

const HOUR = 3_600_000;

async function withTwoDevices() {
  const { tini, bdbb, id } = await pair();
  const phone = openChat();
  await phone.accounts.login({ email: tini.email, password: PASSWORD });
  await until(phone.conversations, ({ data }) => data.length === 1);
  await until(phone.connection, ({ status }) => status === "live");
  return { tini, bdbb, phone, id };
}

test("mute, archive, pin and mark as unread are the same on all devices", async () => {
  const { tini, bdbb, phone, id } = await withTwoDevices();
  const { conversations } = tini.chat;
  expect(conversations.get(id)).toMatchObject({ isMuted: false, isArchived: false, pinnedAt: null });
  await conversations.mute(id, "forever", { mentions: true });
  await conversations.archive(id);
  await conversations.pinChat(id);
  await conversations.markUnread(id);
  const wanted = { isMuted: true, muteMentions: true, isArchived: true, pinnedAt: expect.any(String) };
  for (const chat of [tini.chat, phone]) {
    const { data } = await until(chat.conversations, ({ data }) => data[0]?.isMarkedUnread === true);
    expect(data[0]).toMatchObject(wanted);
  }
  expect(bdbb.chat.conversations.get(id)).toMatchObject({ isMuted: false, isMarkedUnread: false, pinnedAt: null });
  await phone.conversations.mute(id, null);
  await phone.conversations.pinChat(id, false);
  await until(conversations, ({ data }) => data[0]?.isMuted === false && data[0].pinnedAt === null);
});

test("a message ends the archive, and reading the mark as unread", async () => {
  const { tini, bdbb, phone, id } = await withTwoDevices();
  bdbb.chat.messages(id).send("One");
  await sees(tini.chat, id, "One");
  tini.chat.messages(id).markRead();
  await until(phone.conversations, ({ data }) => data[0]?.unreadCount === 0 && data[0].headSeq === 1);
  await tini.chat.conversations.archive(id);
  await tini.chat.conversations.markUnread(id);
  await until(phone.conversations, ({ data }) => data[0]?.isArchived === true && data[0].isMarkedUnread);
  bdbb.chat.messages(id).send("Two");
  for (const chat of [tini.chat, phone]) {
    const { data } = await until(chat.conversations, ({ data }) => data[0]?.unreadCount === 1);
    expect(data[0]).toMatchObject({ isArchived: false, isMarkedUnread: true });
  }
  phone.messages(id).markRead();
  const isRead = ({ isMarkedUnread = true, unreadCount = 1 } = {}) => !isMarkedUnread && unreadCount === 0;
  await until(tini.chat.conversations, ({ data }) => isRead(data[0]));
  await tini.chat.conversations.markUnread(id);
  await until(phone.conversations, ({ data }) => data[0]?.isMarkedUnread === true);
  phone.messages(id).markRead(); // there is nothing new to read
  for (const chat of [tini.chat, phone]) await until(chat.conversations, ({ data }) => isRead(data[0]));
});

test("a device that was away learns the settings when it comes back", async () => {
  const { tini, id } = await pair();
  await tini.chat.conversations.mute(id, new Date(Date.now() + HOUR));
  const phone = openChat();
  await phone.accounts.login({ email: tini.email, password: PASSWORD });
  await until(phone.conversations, ({ data }) => data[0]?.isMuted === true);
  await expect(tini.chat.conversations.pinChat("f".repeat(24))).rejects.toMatchObject({
    code: "CONVERSATION_NOT_FOUND",
  });
});

const isAsked = ({ path }: Seen) => /^\/api\/conversations\/\w+\/settings/.test(path);

test("settings changed offline show at once, survive the end of the app, and arrive in order", async () => {
  const proxy = await proxied();
  const storage = memoryStorage();
  const { tini, bdbb, id } = await pair({ url: proxy.url, storage });
  bdbb.chat.messages(id).send("One");
  await sees(tini.chat, id, "One");
  await proxy.down();
  await until(tini.chat.connection, ({ status }) => status === "offline");
  const { conversations } = tini.chat;
  tini.chat.messages(id).markRead();
  await until(conversations, ({ data }) => data[0]?.unreadCount === 0);
  const changes = [
    conversations.mute(id, "forever"),
    conversations.archive(id),
    conversations.pinChat(id),
    conversations.pinChat(id, false),
    conversations.markUnread(id),
  ];
  for (const change of changes) change.catch(() => {});
  const wanted = { isMuted: true, isArchived: true, pinnedAt: null, isMarkedUnread: true, unreadCount: 0 };
  expect(conversations.get(id)).toMatchObject(wanted);
  const waiting = async () => (await storage.keys("")).filter((key) => key.includes("/r/a/")).length;
  await expect.poll(waiting).toBe(changes.length);
  await tini.chat.close();
  const again = openChat({ url: proxy.url, storage });
  const { data } = await until(again.conversations, ({ data }) => data.length === 1);
  expect(data[0]).toMatchObject(wanted);
  await proxy.up();
  await expect.poll(waiting).toBe(0);
  const phone = openChat();
  await phone.accounts.login({ email: tini.email, password: PASSWORD });
  for (const chat of [phone, again]) {
    const { data } = await until(chat.conversations, ({ data }) => data[0]?.isMarkedUnread === true);
    expect(data[0]).toMatchObject(wanted);
  }
});

test("a mark as unread that the server has not heard of ends when the user reads", async () => {
  const proxy = await proxied();
  const { tini, bdbb, id } = await pair({ url: proxy.url });
  bdbb.chat.messages(id).send("One");
  await sees(tini.chat, id, "One");
  proxy.fault("unavailable", isAsked, Number.POSITIVE_INFINITY);
  const marked = tini.chat.conversations.markUnread(id);
  expect(tini.chat.conversations.get(id)?.isMarkedUnread).toBe(true);
  tini.chat.messages(id).markRead();
  expect(tini.chat.conversations.get(id)?.isMarkedUnread).toBe(false);
  proxy.heal();
  await marked;
  const phone = openChat();
  await phone.accounts.login({ email: tini.email, password: PASSWORD });
  await until(phone.conversations, ({ data }) => data[0]?.isMarkedUnread === false && data[0].unreadCount === 0);
});

test("a setting that the server refuses is taken back, and says why", async () => {
  const { tini, bdbb, id } = await pair();
  const { conversations } = tini.chat;
  const cleo = await newPerson("Cleo");
  const memberIds = [bdbb.user.id, cleo.user.id];
  for (let number = 0; number < 10; number++) {
    const group = await conversations.createGroup({ name: `Group ${number}`, memberIds });
    await conversations.pinChat(group.id);
  }
  const refused = new Promise((resolve) => tini.chat.on("refused", resolve));
  const pinned = conversations.pinChat(id);
  expect(conversations.get(id)?.pinnedAt).toEqual(expect.any(String));
  await expect(pinned).rejects.toMatchObject({ code: "TOO_MANY_PINS" });
  expect(conversations.get(id)?.pinnedAt).toBeNull();
  await expect(refused).resolves.toMatchObject({
    conversationId: id,
    messageId: null,
    act: { kind: "settings", changes: { pinned: true } },
    error: { code: "TOO_MANY_PINS" },
  });
});

test("the list shows what is being done to the last message", async () => {
  const proxy = await proxied();
  const { tini, bdbb, id } = await pair({ url: proxy.url });
  const [here, { conversations }] = [tini.chat.messages(id), tini.chat];
  bdbb.chat.messages(id).send({ attachment: "https://files.example/voice.ogg" });
  const { data } = await until(conversations, ({ data }) => data[0]?.lastMessage?.contentKind === "voice");
  expect(data[0]?.lastMessage).toMatchObject({ content: "", contentKind: "voice" });
  here.send("Mine");
  const [, mine] = (
    await until(here, ({ data }) => (data[1] as Message | undefined)?.status !== "sending" && data.length === 2)
  ).data;
  await proxy.down();
  here.edit(mine as Message, "Mine, edited").catch(() => {});
  expect(conversations.get(id)?.lastMessage).toMatchObject({ content: "Mine, edited" });
  here.remove(mine as Message).catch(() => {});
  expect(conversations.get(id)?.lastMessage).toMatchObject({ content: "", deleted: true });
});

const SECRET = "quizzaciously";
const texts = ({ data }: { data: readonly unknown[] }) => data.map((item) => (item as Message).content);

test("a message that is deleted for oneself goes from all devices, and stays with the others", async () => {
  const { tini, bdbb, phone, id } = await withTwoDevices();
  const there = bdbb.chat.messages(id);
  for (const text of ["One", "Two", SECRET]) there.send(text);
  const [, two, last] = await sees(tini.chat, id, "One", "Two", SECRET);
  await sees(phone, id, "One", "Two", SECRET);
  const hidden = tini.chat.messages(id).hide(last as Message);
  expect(texts(tini.chat.messages(id).getSnapshot())).toEqual(["One", "Two"]);
  await hidden;
  for (const chat of [tini.chat, phone]) {
    await until(chat.messages(id), (shown) => texts(shown).join() === "One,Two");
    const { data } = await until(chat.conversations, ({ data }) => data[0]?.lastMessage?.content === "Two");
    expect(data[0]).toMatchObject({ unreadCount: 2 });
  }
  await sees(bdbb.chat, id, "One", "Two", SECRET);
  await phone.messages(id).hide(two?.id as string);
  await until(tini.chat.messages(id), (shown) => texts(shown).join() === "One");
  there.send("Three");
  const { data } = await until(tini.chat.conversations, ({ data }) => data[0]?.lastMessage?.content === "Three");
  expect(data[0]).toMatchObject({ unreadCount: 2 });
});

test("a device that was away forgets what was deleted for its user, in its storage too", async () => {
  const storage = memoryStorage();
  const { tini, bdbb, id } = await pair();
  for (const text of ["One", SECRET]) bdbb.chat.messages(id).send(text);
  const [, last] = await sees(tini.chat, id, "One", SECRET);
  const phone = openChat({ storage });
  await phone.accounts.login({ email: tini.email, password: PASSWORD });
  await sees(phone, id, "One", SECRET);
  await phone.close();
  await tini.chat.messages(id).hide(last as Message);
  const again = openChat({ storage });
  await until(again.messages(id), (shown) => texts(shown).join() === "One");
  await until(again.conversations, ({ data }) => data[0]?.lastMessage?.content === "One" && data[0].unreadCount === 1);
  const stored = async () => JSON.stringify(await storage.read(await storage.keys("")));
  await expect.poll(stored).not.toContain(SECRET);
});

test("what can't be deleted for oneself comes back", async () => {
  const { tini, bdbb, id } = await pair();
  bdbb.chat.messages(id).send("One");
  await sees(tini.chat, id, "One");
  const refused = new Promise((resolve) => tini.chat.on("refused", resolve));
  await expect(tini.chat.messages(id).hide("f".repeat(24))).rejects.toMatchObject({ code: "MESSAGE_NOT_FOUND" });
  await expect(refused).resolves.toMatchObject({ act: { kind: "hide" } });
  expect(texts(tini.chat.messages(id).getSnapshot())).toEqual(["One"]);
});

test("a star is the same on all devices, and its message is in the list of stars", async () => {
  const { tini, bdbb, phone, id } = await withTwoDevices();
  for (const text of ["One", "Two"]) bdbb.chat.messages(id).send(text);
  const [one, two] = await sees(tini.chat, id, "One", "Two");
  await sees(phone, id, "One", "Two");
  const here = tini.chat.messages(id);
  const starring = here.star(one as Message);
  expect(here.getSnapshot().data[0]).toMatchObject({ starred: true, changing: true });
  await starring;
  for (const chat of [tini.chat, phone]) {
    const { data } = await until(chat.messages(id), ({ data }) => (data[0] as Message).starred);
    expect(data).toMatchObject([{ starred: true, changing: false }, { starred: false }]);
    await until(chat.stars, (shown) => texts(shown).join() === "One");
  }
  await phone.messages(id).star(two?.id as string);
  await until(tini.chat.stars, (shown) => texts(shown).join() === "Two,One");
  await phone.messages(id).star(two?.id as string, false);
  await until(tini.chat.stars, (shown) => texts(shown).join() === "One");
  await until(here, ({ data }) => !(data[1] as Message).starred);
  await until(bdbb.chat.stars, ({ status }) => status === "empty");
});

test("a draft goes on on another device, and is gone from all when it is sent", async () => {
  const { tini, bdbb, phone, id } = await withTwoDevices();
  const [here, there] = [tini.chat.draft(id), phone.draft(id)];
  here.set("Half a sen");
  await until(there, (text) => text === "Half a sen");
  there.set("Half a sentence");
  await until(here, (text) => text === "Half a sentence");
  tini.chat.messages(id).send("Half a sentence");
  here.clear();
  await sees(bdbb.chat, id, "Half a sentence");
  await until(there, (text) => text === "");
  there.set("Another");
  await until(here, (text) => text === "Another");
  there.clear();
  await until(here, (text) => text === "");
  expect(bdbb.chat.draft(id).getSnapshot()).toBe("");
});

test("a draft that was changed without a connection takes the place of the other one", async () => {
  const proxy = await proxied();
  const { tini, id } = await pair({ url: proxy.url });
  const phone = openChat();
  await phone.accounts.login({ email: tini.email, password: PASSWORD });
  await until(phone.conversations, ({ data }) => data.length === 1);
  tini.chat.draft(id).set("One");
  await until(phone.draft(id), (text) => text === "One");
  await proxy.down();
  await until(tini.chat.connection, ({ status }) => status === "offline");
  tini.chat.draft(id).set("One and a half");
  phone.draft(id).set("Two");
  const laptop = openChat();
  await laptop.accounts.login({ email: tini.email, password: PASSWORD });
  await until(laptop.draft(id), (text) => text === "Two");
  await proxy.up();
  await until(phone.draft(id), (text) => text === "One and a half");
  expect(tini.chat.draft(id).getSnapshot()).toBe("One and a half");
});
