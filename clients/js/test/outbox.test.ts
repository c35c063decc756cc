import { describe, expect, test } from "vitest";
import { type Chat, type Message, memoryStorage, type Timeline } from "../src/index.js";
import { live, openChat, ownServer, PASSWORD, pair, proxied, sees, textsOf, until } from "./support/chats.js";
import type { Seen } from "./support/proxy.js";

const sends = ({ method, path }: Seen) => method === "POST" && /^\/api\/conversations\/\w+\/messages/.test(path);
const sockets = ({ path }: Seen) => path.startsWith("/socket.io");
const numbered = (count: number) => Array.from({ length: count }, (_, index) => `Message ${index + 1}`);

function statuses(timeline: Timeline): string[] {
  return timeline.data.map((item) => (item as Message).status);
}

async function allSent(chat: Chat, id: string): Promise<void> {
  await until(chat.messages(id), (now) => statuses(now).every((status) => status !== "sending"));
}

test("what is written offline shows as sending, survives the end of the app, and arrives once and in order", async () => {
  const proxy = await proxied();
  const storage = memoryStorage();
  const { tini, bdbb, id } = await pair({ url: proxy.url, storage });
  await proxy.down();
  const texts = numbered(5);
  for (const text of texts) tini.chat.messages(id).send(text);
  expect(statuses(tini.chat.messages(id).getSnapshot())).toEqual(Array(5).fill("sending"));
  await expect.poll(async () => (await storage.keys("")).filter((key) => key.includes("/r/o/")).length).toBe(5);
  // The app is killed: nothing is closed, nobody writes any more. Another process starts from what is stored.
  const killed = tini.chat;
  await killed.close();
  await proxy.up();
  const again = openChat({ url: proxy.url, storage });
  await sees(bdbb.chat, id, ...texts);
  await sees(again, id, ...texts);
  await allSent(again, id);
  await expect.poll(async () => (await storage.keys("")).filter((key) => key.includes("/r/o/"))).toEqual([]);
});

test("what is written while the session is still being read from storage arrives", async () => {
  const storage = memoryStorage();
  const { tini, bdbb, id } = await pair({ storage });
  await tini.chat.close();
  const again = openChat({ storage });
  for (const text of ["Early", "And another"]) again.messages(id).send(text);
  expect(textsOf(again.messages(id).getSnapshot().data)).toEqual(["Early", "And another"]);
  await sees(bdbb.chat, id, "Early", "And another");
  await sees(again, id, "Early", "And another");
  await allSent(again, id);
});

test("what is written while there turns out to be no session fails, and is not sent by who signs in next", async () => {
  const { bdbb, id } = await pair();
  const chat = openChat({ storage: memoryStorage() });
  chat.messages(id).send("By nobody");
  await until(chat.messages(id), (now) => statuses(now)[0] === "failed");
  expect(() => chat.messages(id).send("By nobody")).toThrow(expect.objectContaining({ code: "SIGNED_OUT" }));
  await chat.accounts.login({ email: bdbb.email, password: PASSWORD });
  chat.messages(id).send("By bdbb");
  await sees(bdbb.chat, id, "By bdbb");
  expect(textsOf(chat.messages(id).getSnapshot().data)).toEqual(["By bdbb"]);
});

test("a message is stored before it is sent", async () => {
  const proxy = await proxied();
  const storage = memoryStorage();
  const seen: boolean[] = [];
  const { tini, bdbb, id } = await pair({ url: proxy.url, storage });
  await live(tini.chat);
  let isStored = false;
  const write = storage.write;
  storage.write = async (puts, deletes) => {
    await new Promise((done) => setTimeout(done, 100)); // a slow disk
    await write(puts, deletes);
    if (puts.some(([key]) => key.includes("/r/o/"))) isStored = true;
  };
  bdbb.chat.on("message", () => seen.push(isStored));
  tini.chat.messages(id).send("Stored first");
  await sees(bdbb.chat, id, "Stored first");
  expect(seen).toEqual([true]);
});

test("lost answers over HTTP do not double a message", async () => {
  const proxy = await proxied();
  proxy.fault("unavailable", sockets, Number.POSITIVE_INFINITY);
  proxy.fault("lose", sends, 3);
  proxy.fault("duplicate", sends, 3);
  const [tini, bdbb, id] = await apart(proxy.url);
  for (const text of numbered(4)) tini.messages(id).send(text);
  await sees(bdbb, id, ...numbered(4));
  await allSent(tini, id);
  await sees(tini, id, ...numbered(4));
  expect(proxy.count(sends)).toBeGreaterThan(4);
});

async function apart(url: string): Promise<[Chat, Chat, string]> {
  const { tini, bdbb, id } = await pair();
  const chat = openChat({ url });
  await chat.accounts.login({ email: tini.email, password: "password123" });
  await until(chat.conversations.one(id), (conversation) => conversation !== null);
  return [chat, bdbb.chat, id];
}

test("connections cut in the middle of sending lose, double and reorder nothing", async () => {
  const proxy = await proxied();
  const { tini, bdbb, id } = await pair({ url: proxy.url, transports: ["polling", "websocket"] });
  const texts = numbered(45);
  for (const [index, text] of texts.entries()) {
    tini.chat.messages(id).send(text);
    if (index % 9 !== 8) continue;
    await new Promise((done) => setTimeout(done, 5));
    proxy.cut();
  }
  await sees(bdbb.chat, id, ...texts);
  await sees(tini.chat, id, ...texts);
  await allSent(tini.chat, id);
});

test("a message goes on over HTTP when the socket dies under it, and back", async () => {
  const proxy = await proxied();
  const { tini, bdbb, id } = await pair({ url: proxy.url });
  proxy.fault("unavailable", sockets, Number.POSITIVE_INFINITY);
  tini.chat.messages(id).send("First");
  proxy.cut();
  tini.chat.messages(id).send("Second");
  await sees(bdbb.chat, id, "First", "Second");
  await until(tini.chat.connection, ({ status }) => status === "api");
  proxy.heal();
  await live(tini.chat);
  tini.chat.messages(id).send("Third");
  await sees(bdbb.chat, id, "First", "Second", "Third");
  await sees(tini.chat, id, "First", "Second", "Third");
});

describe("on a server of its own", () => {
  const own = ownServer();

  test("one that is killed in the middle of a burst has every message once", async () => {
    const { url } = own.server;
    const { tini, bdbb, id } = await pair({ url }, { url });
    const texts = numbered(40);
    for (const text of texts) tini.chat.messages(id).send(text);
    await until(bdbb.chat.messages(id), ({ data }) => data.length > 5);
    await own.server.end("SIGKILL");
    await own.server.start();
    await sees(bdbb.chat, id, ...texts);
    await sees(tini.chat, id, ...texts);
  });
});

test("what is refused for good fails, is kept, can be sent again or discarded, and holds up nothing", async () => {
  const { tini, bdbb, id } = await pair();
  const here = tini.chat.messages(id);
  here.send("x".repeat(10_001));
  here.send("After it");
  await sees(bdbb.chat, id, "After it");
  const { data } = await until(here, ({ data }) => (data.at(-1) as Message).status === "failed");
  const failed = data.at(-1) as Message;
  expect(failed.error).toMatchObject({ code: "CONTENT_TOO_LARGE", statusCode: 413, retryable: false });
  expect(tini.chat.conversations.get(id)?.lastMessage).toMatchObject({ status: "failed" });
  here.retry(failed.clientMsgId);
  expect((here.getSnapshot().data.at(-1) as Message).status).toBe("sending");
  await until(here, ({ data }) => (data.at(-1) as Message).status === "failed");
  here.discard(failed.clientMsgId);
  expect(textsOf(here.getSnapshot().data)).toEqual(["After it"]);
});

test("a message that was never attempted can be taken back; one that may be stored can't", async () => {
  const proxy = await proxied();
  const { tini, bdbb, id } = await pair({ url: proxy.url });
  await proxy.down();
  await until(tini.chat.connection, ({ status }) => status === "offline");
  const here = tini.chat.messages(id);
  const regretted = here.send("Never mind");
  here.send("This one");
  here.discard(regretted.clientMsgId);
  await proxy.up();
  await sees(bdbb.chat, id, "This one");
  await sees(tini.chat, id, "This one");
});

describe("on a server that takes few messages", () => {
  const own = ownServer({ RATE_SENDS: "3 per second" });

  test("being told to slow down delays messages and loses none", async () => {
    const { url } = own.server;
    const { tini, bdbb, id } = await pair({ url }, { url });
    for (const text of numbered(7)) tini.chat.messages(id).send(text);
    await sees(bdbb.chat, id, ...numbered(7));
  });
});
