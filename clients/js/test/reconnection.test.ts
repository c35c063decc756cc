import { describe, expect, test } from "vitest";
import type { ConnectionState } from "../src/index.js";
import { live, newPerson, ownServer, pair, proxied, sees, until } from "./support/chats.js";
import { HastyClock, LeapingClock, TIME_OUTS } from "./support/clocks.js";
import type { Seen } from "./support/proxy.js";

const health = ({ path }: Seen) => path === "/api/health";
const sockets = ({ path }: Seen) => path.startsWith("/socket.io");
const polls = ({ path }: Seen) => path.startsWith("/api/sync?timeout=");
const handshakes = ({ path }: Seen) => path.startsWith("/socket.io") && !path.includes("sid=");
const byPolling = (seen: Seen) => handshakes(seen) && seen.path.includes("transport=polling");
const byWebSocket = (seen: Seen) => handshakes(seen) && seen.path.includes("transport=websocket");

describe("on a server of its own", () => {
  const own = ownServer();

  test("one that is killed and comes back is found again, and nothing is missing", async () => {
    const { url } = own.server;
    const { tini, bdbb, id } = await pair({ url }, { url });
    tini.chat.messages(id).send("Before");
    await sees(bdbb.chat, id, "Before");
    await own.server.end("SIGKILL");
    await until(tini.chat.connection, ({ status }) => status === "offline");
    tini.chat.messages(id).send("Meanwhile");
    await own.server.start();
    await sees(bdbb.chat, id, "Before", "Meanwhile");
    await Promise.all([live(tini.chat), live(bdbb.chat)]);
  });

  test("one that is restarted says so, and is waited for", async () => {
    const { url } = own.server;
    const { tini, bdbb, id } = await pair({ url }, { url, transports: ["polling"] });
    await own.server.end("SIGTERM");
    await own.server.start();
    tini.chat.messages(id).send("Back again");
    await sees(bdbb.chat, id, "Back again");
  });
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
  await expect.poll(() => proxy.count(polls)).toBeGreaterThan(1);
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
  const clock = new HastyClock();
  const { tini, bdbb, id } = await pair({ url: proxy.url, clock });
  proxy.isBlackHole = true;
  clock.hurry(TIME_OUTS);
  tini.chat.messages(id).send("Into the hole");
  await until(tini.chat.connection, ({ status }) => status === "offline");
  clock.calm();
  proxy.isBlackHole = false;
  proxy.cut();
  await sees(bdbb.chat, id, "Into the hole");
  await live(tini.chat);
});

test("after an hour of sleep nothing is missing, though the dead socket says nothing", async () => {
  const proxy = await proxied();
  const clock = new LeapingClock();
  const { tini, bdbb, id } = await pair({ url: proxy.url, clock, timing: { sleep: 400 } });
  const states: ConnectionState["status"][] = [];
  tini.chat.connection.subscribe(() => states.push(tini.chat.connection.getSnapshot().status));
  proxy.isBlackHole = true; // the network forgot the connection while the device slept
  bdbb.chat.messages(id).send("While you slept");
  await sees(bdbb.chat, id, "While you slept");
  clock.leap(60 * 60 * 1000);
  await until(tini.chat.connection, ({ status }) => status !== "live");
  proxy.isBlackHole = false;
  proxy.cut();
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

/** A server that says in `ready` that it has so many processes. */
async function serverOf(processes: number) {
  const proxy = await proxied();
  proxy.rewrite = { from: '"processes":1', to: `"processes":${processes}` };
  return proxy;
}

test("a server of several processes is asked for a WebSocket first the next time", async () => {
  const proxy = await serverOf(4);
  const { chat } = await newPerson("Tini", { url: proxy.url, transports: undefined });
  await live(chat);
  expect([proxy.count(byPolling), proxy.count(byWebSocket)]).toEqual([1, 0]);
  proxy.cut();
  await until(chat.connection, ({ status }) => status !== "live");
  await live(chat);
  expect([proxy.count(byPolling), proxy.count(byWebSocket)]).toEqual([1, 1]);
});

test("a server that is alone is polled first, as before, and so is one that does not say what it is", async () => {
  for (const name of ["processes", "a_process"]) {
    const proxy = await proxied();
    proxy.rewrite = { from: '"processes":1', to: `"${name}":1` };
    const { chat } = await newPerson("Tini", { url: proxy.url, transports: undefined });
    await live(chat);
    proxy.cut();
    await until(chat.connection, ({ status }) => status !== "live");
    await live(chat);
    expect([proxy.count(byPolling), proxy.count(byWebSocket)]).toEqual([2, 0]);
  }
});

test("where several processes let no WebSocket through, polling is tried, then long-poll serves", async () => {
  const proxy = await serverOf(4);
  const { chat } = await newPerson("Tini", { url: proxy.url, transports: undefined });
  await live(chat);
  proxy.fault("unavailable", byWebSocket, Number.POSITIVE_INFINITY);
  proxy.cut();
  await until(chat.connection, ({ status }) => status !== "live");
  await live(chat);
  expect([proxy.count(byPolling), proxy.count(byWebSocket)]).toEqual([2, 1]);
  proxy.fault("unavailable", sockets, Number.POSITIVE_INFINITY);
  proxy.cut();
  await until(chat.connection, ({ status }) => status === "api");
  proxy.heal();
  await live(chat);
});

test("machines between which polls wander are reached by WebSocket, though nobody has said that they are several", async () => {
  const proxy = await proxied();
  const wandering = ({ path }: Seen) => path.includes("transport=polling") && path.includes("sid=");
  proxy.fault({ status: 400, code: "BAD_REQUEST" }, wandering, Number.POSITIVE_INFINITY);
  const { chat } = await newPerson("Tini", { url: proxy.url, transports: undefined });
  await live(chat);
  expect([proxy.count(byPolling), proxy.count(byWebSocket)]).toEqual([1, 1]);
});

test("transports that the app has chosen stay as they are", async () => {
  const proxy = await serverOf(4);
  const { chat } = await newPerson("Tini", { url: proxy.url, transports: ["polling"] });
  await live(chat);
  await proxy.down();
  await until(chat.connection, ({ status }) => status !== "live");
  await proxy.up();
  await live(chat);
  expect([proxy.count(byPolling), proxy.count(byWebSocket)]).toEqual([2, 0]);
});
