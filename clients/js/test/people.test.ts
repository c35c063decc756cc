import { expect, test } from "vitest";
import { live, newPerson, openChat, PASSWORD, pair, proxied, sees, until } from "./support/chats.js";
import type { FaultProxy, Seen } from "./support/proxy.js";

const sockets = ({ path }: Seen) => path.startsWith("/socket.io");

/** Return how often the user was told to be typing, or to have ended, over a polling socket. */
function tellings(proxy: FaultProxy): number {
  return proxy.seen.flatMap(({ body }) => body.match(/\["typing",/g) ?? []).length;
}

test("typing shows to the others, is told rarely, and ends with the message or by itself", async () => {
  const proxy = await proxied();
  const { tini, bdbb, id } = await pair({ url: proxy.url, transports: ["polling"] });
  for (let stroke = 0; stroke < 50; stroke++) tini.chat.typing(id).set(true);
  const users = await until(bdbb.chat.typing(id), (now) => now.length > 0);
  expect(users).toEqual([{ userId: tini.user.id, name: "Tini" }]);
  tini.chat.messages(id).send("Done");
  await sees(bdbb.chat, id, "Done");
  expect(tellings(proxy)).toBe(1);
  await until(bdbb.chat.typing(id), (now) => now.length === 0);
  tini.chat.typing(id).set(true);
  await until(bdbb.chat.typing(id), (now) => now.length === 1);
  tini.chat.typing(id).set(false);
  await until(bdbb.chat.typing(id), (now) => now.length === 0);
  tini.chat.typing(id).set(true);
  await until(bdbb.chat.typing(id), (now) => now.length === 1);
  await tini.chat.close(); // nobody says that it ended
  await until(bdbb.chat.typing(id), (now) => now.length === 0);
});

test("presence: who shares a conversation is seen to come and go", async () => {
  const { tini, bdbb } = await pair();
  await until(tini.chat.presence.of(bdbb.user.id), ({ online }) => online);
  await bdbb.chat.close();
  const gone = await until(tini.chat.presence.of(bdbb.user.id), ({ online }) => !online);
  expect(gone.lastSeen).toMatch(/^\d{4}-/);
  const again = openChat();
  await again.accounts.login({ email: bdbb.email, password: PASSWORD });
  await until(tini.chat.presence.of(bdbb.user.id), ({ online }) => online);
});

test("presence is known without a socket too", async () => {
  const proxy = await proxied();
  const { tini, bdbb } = await pair();
  proxy.fault("unavailable", sockets, Number.POSITIVE_INFINITY);
  const phone = openChat({ url: proxy.url });
  await phone.accounts.login({ email: bdbb.email, password: PASSWORD });
  await until(phone.connection, ({ status }) => status === "api");
  await until(phone.presence.of(tini.user.id), ({ online }) => online);
});

test("read marks are batched, told to all devices, and survive the end of the app", async () => {
  const proxy = await proxied();
  const { tini, bdbb, id } = await pair();
  const phone = openChat({ url: proxy.url });
  await phone.accounts.login({ email: tini.email, password: PASSWORD });
  await live(phone);
  for (const text of ["One", "Two", "Three"]) bdbb.chat.messages(id).send(text);
  await sees(phone, id, "One", "Two", "Three");
  expect(phone.conversations.getSnapshot().data[0]?.unreadCount).toBe(3);
  await until(phone.conversations.unread, (count) => count === 3);
  phone.messages(id).markRead(2);
  await until(phone.conversations.unread, (count) => count === 1);
  await until(tini.chat.conversations.unread, (count) => count === 1); // the other device of the same person
  await proxy.down();
  await until(phone.connection, ({ status }) => status === "offline");
  phone.messages(id).markRead();
  await until(phone.conversations.unread, (count) => count === 0);
  await proxy.up();
  await until(tini.chat.conversations.unread, (count) => count === 0);
  await until(bdbb.chat.messages(id), ({ data }) =>
    data.every((row) => row.kind === "message" && row.status === "read"),
  );
});

test("who has got and read a message, and when", async () => {
  const { tini, bdbb, id } = await pair();
  tini.chat.messages(id).send("Read me");
  await sees(bdbb.chat, id, "Read me");
  bdbb.chat.messages(id).markRead();
  const { data } = await until(
    tini.chat.messages(id),
    ({ data }) => data[0]?.kind === "message" && data[0].status === "read",
  );
  await expect
    .poll(() => tini.chat.messages(id).receipts(data[0]?.kind === "message" ? (data[0].id ?? "") : ""))
    .toMatchObject([{ user: { name: "Bdbb" }, status: "read", readAt: expect.stringMatching(/^\d{4}-/) }]);
  expect(tini.chat.conversations.get(id)?.partner).toMatchObject({ readSeq: 1, deliveredSeq: 1 });
});

test("the unread line stays where it was when the conversation was opened", async () => {
  const { tini, bdbb, id } = await pair();
  bdbb.chat.messages(id).send("Seen");
  await until(tini.chat.conversations.unread, (count) => count === 1);
  tini.chat.messages(id).markRead();
  await until(tini.chat.conversations.unread, (count) => count === 0);
  bdbb.chat.messages(id).send("New");
  await until(tini.chat.conversations.unread, (count) => count === 1);
  const opened = await until(tini.chat.messages(id), ({ data }) => data.length === 2);
  expect(opened.unreadAfterSeq).toBe(1);
  tini.chat.messages(id).markRead();
  await until(tini.chat.conversations.unread, (count) => count === 0);
  expect(tini.chat.messages(id).getSnapshot().unreadAfterSeq).toBe(1);
});

test("privacy: hidden read receipts are hidden both ways", async () => {
  const { tini, bdbb, id } = await pair();
  await until(tini.chat.accounts.privacy, (privacy) => privacy !== null);
  await tini.chat.accounts.privacy.update({ hideReadReceipts: true });
  expect(tini.chat.accounts.privacy.getSnapshot()).toEqual({ hideReadReceipts: true, hideLastSeen: false });
  bdbb.chat.messages(id).send("Have you read this?");
  await sees(tini.chat, id, "Have you read this?");
  tini.chat.messages(id).markRead();
  await until(bdbb.chat.messages(id), ({ data }) => data[0]?.kind === "message" && data[0].status === "delivered");
  const phone = openChat();
  await phone.accounts.login({ email: tini.email, password: PASSWORD });
  await until(phone.conversations.one(id), (now) => now?.readSeq === 1); // the server knows it
  bdbb.chat.messages(id).send("Again");
  await sees(tini.chat, id, "Have you read this?", "Again");
  expect(bdbb.chat.messages(id).getSnapshot().data[0]).toMatchObject({ status: "delivered", readBy: 0 });
});

test("contacts: pages, search, somebody new, somebody with another name", async () => {
  const names = ["Zora", "Zoe", "Zita"].map((name) => `${name}${Date.now()}`);
  const people = await Promise.all(names.map((name) => newPerson(name)));
  const { chat } = await newPerson("Tini");
  await live(chat);
  const { data } = await chat.contacts.search(names[0] as string);
  expect(data).toEqual([{ ...people[0]?.user, email: "" }]); // nobody shares a conversation yet
  const page = await chat.contacts.search("z", { limit: 2 });
  expect(page.data).toHaveLength(2);
  const rest = await chat.contacts.search("z", { after: page.next as string });
  expect(rest.data.map(({ id }) => id)).not.toContain(page.data[0]?.id);
  await until(chat.contacts, ({ status, stale }) => status !== "loading" && !stale);
  const { user } = await newPerson(`Anew${Date.now()}`);
  await until(chat.contacts, ({ data }) => data.some(({ id }) => id === user.id));
});

test("contacts that were loaded before the socket was there are loaded again with it: nobody is missed between", async () => {
  const proxy = await proxied();
  const { email } = await newPerson("Tini");
  const chat = openChat({ url: proxy.url, transports: ["polling"] });
  const stop = chat.contacts.subscribe(() => {});
  proxy.latency = 150; // a socket takes more ways there and back than a list does
  await chat.accounts.login({ email, password: PASSWORD });
  await until(chat.contacts, ({ status }) => status === "ready" || status === "empty");
  const { user } = await newPerson("Between");
  await until(chat.contacts, ({ data }) => data.some(({ id }) => id === user.id));
  stop();
});

test("somebody who signs up while the contacts are on their way is among them", async () => {
  const gate = { isClosed: false, open: () => {}, passed: 0 };
  const opened = new Promise<void>((resolve) => {
    gate.open = resolve;
  });
  const slowly: typeof fetch = async (input, init) => {
    const answer = await fetch(input, init);
    if (!gate.isClosed || !String(input).includes("/api/user/contacts")) return answer;
    gate.passed++;
    await opened;
    return answer;
  };
  const { chat } = await newPerson("Tini", { fetch: slowly });
  await live(chat);
  await until(chat.contacts, ({ status, stale }) => status !== "loading" && !stale);
  gate.isClosed = true;
  const refreshed = chat.contacts.refresh();
  await expect.poll(() => gate.passed).toBe(1);
  const { user } = await newPerson("Meanwhile");
  const isThere = ({ data }: { data: readonly { id: string }[] }) => data.some(({ id }) => id === user.id);
  await until(chat.contacts, isThere); // the server has told
  gate.open();
  await refreshed;
  expect(isThere(chat.contacts.getSnapshot())).toBe(true);
});

test("a new name and avatar show everywhere", async () => {
  const { tini, bdbb, id } = await pair();
  bdbb.chat.messages(id).send("Hello");
  await sees(tini.chat, id, "Hello");
  await until(
    tini.chat.contacts,
    ({ status, data }) => status === "ready" && data.some((user) => user.id === bdbb.user.id),
  );
  await bdbb.chat.accounts.updateProfile({ name: "Bea", avatar: "https://example.com/b.png" });
  expect(bdbb.chat.accounts.getSnapshot().user).toMatchObject({ name: "Bea" });
  await until(tini.chat.conversations.one(id), (now) => now?.title === "Bea" && now.avatar !== null);
  await until(tini.chat.contacts, ({ data }) => data.some((user) => user.id === bdbb.user.id && user.name === "Bea"));
  await until(tini.chat.messages(id), ({ data }) => data[0]?.kind === "message" && data[0].sender.name === "Bea");
});
