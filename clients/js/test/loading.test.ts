import { expect, test } from "vitest";
import { createChat, memoryStorage } from "../src/index.js";
import { later, live, newPerson, openChat, pair, proxied, QUICK, sees, until } from "./support/chats.js";

test("loading goes in order: health, socket, sync, and then it is live", async () => {
  const proxy = await proxied();
  const { chat } = await newPerson("Krish", { url: proxy.url, transports: ["polling"] });
  await live(chat);
  const steps = proxy.seen.map(({ method, path }) => `${method} ${path.split("?")[0]}`);
  const first = (step: string) => steps.indexOf(step);
  expect(first("HEAD /api/health")).toBeGreaterThan(-1);
  expect(first("HEAD /api/health")).toBeLessThan(first("GET /socket.io/"));
  expect(steps).not.toContain("GET /api/user/conversations"); // no second source that races with sync
});

test("an empty list is not an error: it says why it is empty", async () => {
  const { chat } = await newPerson("Solo");
  const list = await until(chat.conversations, ({ status }) => status === "empty");
  expect(list).toMatchObject({ data: [], stale: false, reason: { code: "NO_CONVERSATIONS" } });
  expect(list.error).toBeUndefined();
  const found = await chat.contacts.search("nobody-is-called-so");
  expect(found).toMatchObject({ data: [], reason: { code: "NO_MATCH" } });
});

test("an error is not empty: without cache and without server the list says what is wrong", async () => {
  const proxy = await proxied();
  const storage = memoryStorage();
  const { chat } = await newPerson("Tini", { url: proxy.url, storage });
  await live(chat);
  await chat.close();
  await proxy.down();
  for (const key of await storage.keys("")) if (key.includes("/u/")) await storage.write([], [key]);
  const again = openChat({ url: proxy.url, storage });
  const list = await until(again.conversations, ({ status }) => status === "error");
  expect(list.error).toMatchObject({ code: "NETWORK_ERROR", retryable: true });
  const contacts = await until(again.contacts, ({ status }) => status === "error");
  expect(contacts.error?.code).toBe("NETWORK_ERROR");
  await proxy.up();
  await until(again.conversations, ({ status, stale }) => status === "empty" && !stale);
  await until(again.contacts, ({ status }) => status === "ready");
});

test("the cache shows at once, as stale, and turns fresh when the server answers", async () => {
  const proxy = await proxied();
  const storage = memoryStorage();
  const { tini, bdbb, id } = await pair({ url: proxy.url, storage });
  tini.chat.messages(id).send("Hello");
  await sees(bdbb.chat, id, "Hello");
  await sees(tini.chat, id, "Hello");
  await until(tini.chat.messages(id), ({ data }) => data[0]?.kind === "message" && data[0].status !== "sending");
  await tini.chat.close();
  await proxy.down();
  const again = openChat({ url: proxy.url, storage });
  await again.ready;
  expect(again.conversations.getSnapshot()).toMatchObject({ status: "ready", stale: true, data: [{ title: "Bdbb" }] });
  await sees(again, id, "Hello");
  expect(again.messages(id).getSnapshot().stale).toBe(true);
  await until(again.connection, ({ status }) => status === "offline");
  bdbb.chat.messages(id).send("Are you there?");
  await proxy.up();
  await sees(again, id, "Hello", "Are you there?");
  await until(again.conversations, ({ stale }) => !stale);
});

test("snapshots are the same object until something in them changes", async () => {
  const { tini, bdbb, id } = await pair();
  const here = tini.chat.messages(id);
  here.send("One");
  await sees(bdbb.chat, id, "One");
  await until(here, ({ data }) => (data[0] as { status?: string } | undefined)?.status === "delivered");
  const { chat } = tini;
  expect(here.getSnapshot()).toBe(here.getSnapshot());
  expect(chat.conversations.getSnapshot()).toBe(chat.conversations.getSnapshot());
  const before = here.getSnapshot().data[0];
  const conversation = chat.conversations.get(id);
  here.send("Two");
  expect(here.getSnapshot().data[0]).toBe(before);
  expect(chat.conversations.get(id)).not.toBe(conversation);
});

test("somebody else's conversation is an error, not an endless spinner", async () => {
  const { chat } = await newPerson("Eve");
  await live(chat);
  const timeline = await until(chat.messages("65f0c1d2e3f4a5b6c7d8e9f1"), ({ status }) => status === "error");
  expect(timeline.error?.code).toBe("CONVERSATION_NOT_FOUND");
});

test("nobody is signed in after a first start, and that is known soon", async () => {
  const chat = createChat({ url: "http://127.0.0.1:9", storage: memoryStorage(), timing: QUICK });
  later(() => chat.close());
  expect(chat.accounts.getSnapshot().status).toBe("starting");
  await chat.ready;
  expect(chat.accounts.getSnapshot()).toMatchObject({ status: "signed-out", user: null });
  expect(chat.connection.getSnapshot().status).toBe("signed-out");
  for (const list of [chat.conversations, chat.contacts, chat.messages("x"), chat.accounts.sessions]) {
    expect(list.getSnapshot()).toMatchObject({ status: "error", data: [], error: { code: "SIGNED_OUT" } });
  }
});
