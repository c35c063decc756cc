import { expect, test } from "vitest";
import type { ConnectionState } from "../src/index.js";
import { live, newPerson, ownServer, pair, proxied, sees, until } from "./support/chats.js";
import { LeapingClock } from "./support/clocks.js";
import type { Seen } from "./support/proxy.js";

const health = ({ path }: Seen) => path === "/api/health";
const sockets = ({ path }: Seen) => path.startsWith("/socket.io");
const polls = ({ path }: Seen) => path.startsWith("/api/sync?timeout=");

test("a server that is killed and comes back is found again, and nothing is missing", async () => {
  const server = await ownServer();
  const { tini, bdbb, id } = await pair({ url: server.url }, { url: server.url });
  tini.chat.messages(id).send("Before");
  await sees(bdbb.chat, id, "Before");
  await server.end("SIGKILL");
  await until(tini.chat.connection, ({ status }) => status === "offline");
  tini.chat.messages(id).send("Meanwhile");
  await server.start();
  await sees(bdbb.chat, id, "Before", "Meanwhile");
  await Promise.all([live(tini.chat), live(bdbb.chat)]);
});

test("a server that is restarted says so, and is waited for", async () => {
  const server = await ownServer();
  const { tini, bdbb, id } = await pair({ url: server.url }, { url: server.url, transports: ["polling"] });
  await server.end("SIGTERM");
  await server.start();
  tini.chat.messages(id).send("Back again");
  await sees(bdbb.chat, id, "Back again");
});

test("while the server is away it is tried for ever, and the next attempt is announced", async () => {
  const proxy = await proxied();
  const { chat } = await newPerson("Tini", { url: proxy.url, timing: { retryFirst: 20, retryMost: 40 } });
  await live(chat);
  await proxy.down();
  const state = await until(
    chat.connection,
    ({ attempts, nextAttemptAt }) => attempts > 20 && nextAttemptAt !== undefined,
  );
  expect(state).toMatchObject({ status: "offline", error: { code: "NETWORK_ERROR" } });
  expect(state.nextAttemptAt).toBeLessThanOrEqual(Date.now() + 40);
  await proxy.up();
  const back = await until(chat.connection, ({ status }) => status === "live");
  expect(back.error).toBeUndefined();
});

test("online, foreground and 'retry now' do not wait for the next attempt", async () => {
  const proxy = await proxied();
  const patient = { retryFirst: 60_000, retryMost: 60_000 };
  const { chat } = await newPerson("Tini", { url: proxy.url, timing: patient });
  await live(chat);
  const nudges = [
    () => chat.connection.retryNow(),
    () => chat.connection.setForeground(true),
    () => chat.connection.setOnline(true),
  ];
  for (const nudge of nudges) {
    await proxy.down();
    if (nudge === nudges[2]) chat.connection.setOnline(false);
    await until(chat.connection, ({ nextAttemptAt }) => (nextAttemptAt ?? 0) > Date.now() + 10_000);
    await proxy.up();
    nudge();
    await live(chat);
  }
});

test("a device without network is offline at once", async () => {
  const { chat } = await newPerson("Tini");
  await live(chat);
  chat.connection.setOnline(false);
  const state = await until(chat.connection, ({ status }) => status === "offline");
  expect(state.error?.message).toMatch(/no network/);
  chat.connection.setOnline(true);
  await live(chat);
});

test("where sockets do not come through, everything works by long-poll, and the socket is tried meanwhile", async () => {
  const proxy = await proxied();
  proxy.fault("unavailable", sockets, Number.POSITIVE_INFINITY);
  const { tini, bdbb, id } = await apiPair(proxy.url);
  expect(tini.chat.connection.getSnapshot()).toMatchObject({ status: "api", error: { code: "NETWORK_ERROR" } });
  tini.chat.messages(id).send("By HTTP");
  await sees(bdbb.chat, id, "By HTTP");
  bdbb.chat.messages(id).send("And back");
  await sees(tini.chat, id, "By HTTP", "And back");
  bdbb.chat.messages(id).markRead();
  await until(tini.chat.messages(id), ({ data }) => (data[0] as { status?: string }).status === "read");
  expect(proxy.count(polls)).toBeGreaterThan(1);
  proxy.heal();
  await live(tini.chat);
  bdbb.chat.messages(id).send("By socket");
  await sees(tini.chat, id, "By HTTP", "And back", "By socket");
});

async function apiPair(url: string) {
  const [tini, bdbb] = await Promise.all([newPerson("Tini", { url }), newPerson("Bdbb")]);
  await until(tini.chat.connection, ({ status }) => status === "api");
  const { id } = await tini.chat.conversations.openDirect(bdbb.user.id);
  await until(bdbb.chat.conversations.one(id), (conversation) => conversation !== null);
  return { tini, bdbb, id };
}

test("API mode that loses HTTP too is offline, and comes back", async () => {
  const proxy = await proxied();
  proxy.fault("unavailable", sockets, Number.POSITIVE_INFINITY);
  const { tini, bdbb, id } = await apiPair(proxy.url);
  await proxy.down();
  await until(tini.chat.connection, ({ status }) => status === "offline");
  bdbb.chat.messages(id).send("Missed");
  await proxy.up();
  await sees(tini.chat, id, "Missed");
  await until(tini.chat.connection, ({ status }) => status === "api");
});

test("a black hole is noticed by what is not acknowledged, and what was in it is sent", async () => {
  const proxy = await proxied();
  const { tini, bdbb, id } = await pair({
    url: proxy.url,
    timing: { ackTimeout: 300, healthTimeout: 300, requestTimeout: 300, connectTimeout: 500 },
  });
  proxy.isBlackHole = true;
  tini.chat.messages(id).send("Into the hole");
  await until(tini.chat.connection, ({ status }) => status === "offline");
  proxy.isBlackHole = false;
  proxy.cut();
  await sees(bdbb.chat, id, "Into the hole");
  await live(tini.chat);
});

test("after an hour of sleep nothing is missing, though the dead socket says nothing", async () => {
  const proxy = await proxied();
  const clock = new LeapingClock();
  const { tini, bdbb, id } = await pair({ url: proxy.url, clock, timing: { sleep: 400, healthTimeout: 300 } });
  const states: ConnectionState["status"][] = [];
  tini.chat.connection.subscribe(() => states.push(tini.chat.connection.getSnapshot().status));
  proxy.isBlackHole = true; // the network forgot the connection while the device slept
  bdbb.chat.messages(id).send("While you slept");
  await sees(bdbb.chat, id, "While you slept");
  clock.leap(60 * 60 * 1000);
  await until(tini.chat.connection, ({ status }) => status !== "live");
  proxy.isBlackHole = false;
  await sees(tini.chat, id, "While you slept");
  await live(tini.chat);
  expect(states).toContain("connecting");
});

test("latency alone changes nothing", async () => {
  const proxy = await proxied();
  proxy.latency = 120;
  const { tini, bdbb, id } = await pair({ url: proxy.url, transports: ["polling", "websocket"] });
  for (const text of ["One", "Two", "Three"]) tini.chat.messages(id).send(text);
  await sees(bdbb.chat, id, "One", "Two", "Three");
  await sees(tini.chat, id, "One", "Two", "Three");
  expect(proxy.count(health)).toBe(1);
});
