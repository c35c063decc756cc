import { afterAll, beforeAll, expect, test } from "vitest";
import { defaultTiming } from "../src/clock.js";
import { type ChatStorage, memoryStorage, type SignOutReason } from "../src/index.js";
import { Browser } from "./support/browser.js";
import { live, newPerson, openChat, PASSWORD, pair, proxied, until } from "./support/chats.js";
import { HastyClock, stoppedClock } from "./support/clocks.js";
import type { Seen } from "./support/proxy.js";
import { Server } from "./support/server.js";

let server: Server; // access tokens live four seconds
beforeAll(async () => {
  server = await Server.start({ ACCESS_TOKEN_SECONDS: "4" });
});
afterAll(() => server?.stop());

/** Until a token made now is over. */
const tokenLife = () => new Promise((done) => setTimeout(done, 4100));
const refreshes = ({ path }: Seen) => path === "/api/auth/refresh";
const sockets = ({ path }: Seen) => path.startsWith("/socket.io");

test("tokens are refreshed ahead of time, and the socket goes on without a reconnect", async () => {
  const proxy = await proxied(server.url);
  const { chat } = await newPerson("Tini", { url: proxy.url });
  await live(chat);
  const states: string[] = [];
  chat.connection.subscribe(() => states.push(chat.connection.getSnapshot().status));
  await tokenLife(); // the first token is over
  await expect.poll(() => proxy.count(refreshes)).toBeGreaterThanOrEqual(3);
  await chat.conversations.refresh();
  expect(chat.conversations.getSnapshot()).toMatchObject({ status: "empty", stale: false });
  expect(proxy.count(sockets)).toBe(1);
  expect(states.filter((status) => status !== "live")).toEqual([]);
});

test("parallel calls that find the token expired make one refresh, and all succeed", async () => {
  const proxy = await proxied();
  const { chat } = await newPerson("Tini", { url: proxy.url });
  await live(chat);
  proxy.expireToken();
  const pages = await Promise.all([1, 2, 3, 4, 5].map(() => chat.contacts.search("")));
  expect(pages).toHaveLength(5);
  expect(proxy.count(refreshes)).toBe(1);
});

test("a lost answer to a refresh is survived", async () => {
  const proxy = await proxied(server.url);
  const { chat } = await newPerson("Tini", { url: proxy.url });
  await live(chat);
  proxy.fault("lose", refreshes, 2);
  await expect.poll(() => proxy.count(refreshes)).toBeGreaterThanOrEqual(4); // two lost, two well
  expect((await chat.contacts.search("nobody-is-called-so")).reason?.code).toBe("NO_MATCH");
  expect(chat.accounts.getSnapshot().status).toBe("signed-in");
});

test("an app that starts with an expired token goes on", async () => {
  const storage = memoryStorage();
  const { chat, user } = await newPerson("Tini", { url: server.url, storage });
  await chat.close();
  await tokenLife();
  const again = openChat({ url: server.url, storage, clock: stoppedClock() });
  await live(again);
  expect(again.accounts.getSnapshot()).toMatchObject({ status: "signed-in", user: { id: user.id } });
});

test("a session that is ended on another device is signed out here at once, and says why", async () => {
  const { tini, id } = await pair();
  const phone = openChat();
  await phone.accounts.login({ email: tini.email, password: PASSWORD });
  await live(phone);
  await until(phone.conversations.one(id), (conversation) => conversation !== null);
  const reasons: SignOutReason[] = [];
  phone.on("signedOut", (reason) => reasons.push(reason));
  const { data } = await until(tini.chat.accounts.sessions, (list) => list.data.length === 2);
  const other = data.find((session) => !session.current);
  await tini.chat.accounts.sessions.end(other?.id ?? "");
  const account = await until(phone.accounts, ({ status }) => status === "signed-out");
  expect(account).toMatchObject({ reason: "session-ended", error: { code: "TOKEN_REVOKED" }, user: null });
  expect(reasons).toEqual(["session-ended"]);
  expect(phone.connection.getSnapshot().status).toBe("signed-out");
  await until(phone.conversations, ({ data }) => data.length === 0);
  expect(tini.chat.accounts.getSnapshot().status).toBe("signed-in");
});

test("a session that ended while the device was away is signed out when it comes back", async () => {
  const proxy = await proxied();
  const storage = memoryStorage();
  const { chat, email } = await newPerson("Tini", { url: proxy.url, storage });
  await live(chat);
  await proxy.down();
  const laptop = openChat();
  await laptop.accounts.login({ email, password: PASSWORD });
  await laptop.accounts.changePassword(PASSWORD, "another-one"); // ends all other sessions
  await proxy.up();
  const account = await until(chat.accounts, ({ status }) => status === "signed-out");
  expect(account.reason).toBe("session-ended");
  await expect.poll(() => storage.keys("").then((keys) => keys.filter((key) => key.endsWith("/session")))).toEqual([]);
});

/** `fetch` that notes each refresh token sent and each access token used. */
function noting() {
  const refreshed: string[] = [];
  const used = new Set<string>();
  const noted: typeof fetch = (input, init) => {
    const authorization = new Headers(init?.headers).get("authorization");
    if (authorization) used.add(authorization.slice("Bearer ".length));
    if (String(input).endsWith("/api/auth/refresh")) refreshed.push(JSON.parse(String(init?.body)).refreshToken);
    return fetch(input, init);
  };
  return { refreshed, used, fetch: noted };
}

test("tabs on a page without locks refresh one after the other: no refresh token is used twice", async () => {
  const storage: ChatStorage = { ...memoryStorage(), shared: true };
  const notes = noting();
  const options = { url: server.url, storage, tabs: false as const, fetch: notes.fetch };
  const first = openChat(options);
  await first.accounts.register({ email: `tini-${Date.now()}@test.com`, password: PASSWORD });
  const tabs = [first, openChat(options), openChat(options)];
  await Promise.all(tabs.map(live));
  await expect.poll(() => notes.refreshed.length).toBeGreaterThanOrEqual(4);
  expect(new Set(notes.refreshed).size).toBe(notes.refreshed.length);
  for (const tab of tabs) expect(tab.accounts.getSnapshot().status).toBe("signed-in");
});

test("a tab that slept in the middle of a refresh goes on with what another tab got, and never uses its own", async () => {
  const proxy = await proxied();
  const browser = new Browser();
  let wake = () => {};
  const asleep = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const own: string[] = [];
  const notes = noting();
  const sleepy: typeof fetch = async (input, init) => {
    if (!String(input).endsWith("/api/auth/refresh")) return notes.fetch(input, init);
    const answer = await fetch(input, { ...init, signal: null }); // the server has answered, nobody hears it
    own.push((await answer.clone().json()).token);
    await asleep;
    return answer;
  };
  const first = browser.open({ url: proxy.url, fetch: sleepy });
  await first.accounts.register({ email: `tini-${Date.now()}@test.com`, password: PASSWORD });
  await live(first);
  proxy.expireToken();
  const search = first.contacts.search("");
  await expect.poll(() => own).toHaveLength(1);
  const clock = new HastyClock();
  clock.hurry([defaultTiming.refreshTimeout]); // so long it waits for its turn
  const second = browser.open({ url: proxy.url, fetch: notes.fetch, clock });
  await second.ready;
  await second.contacts.search(""); // takes its turn, and refreshes
  wake();
  await search;
  await first.contacts.search("");
  expect(own.filter((token) => notes.used.has(token))).toEqual([]);
  expect(first.accounts.getSnapshot().status).toBe("signed-in");
});

test("tokens that storage refuses are not replaced by those that it has: no refresh token is used twice", async () => {
  const browser = new Browser();
  const notes = noting();
  const options = { url: server.url, fetch: notes.fetch };
  const first = browser.open(options);
  await first.accounts.register({ email: `tini-${Date.now()}@test.com`, password: PASSWORD });
  const second = browser.open(options);
  await Promise.all([live(first), live(second)]);
  const { write } = browser.storage;
  browser.storage.write = async (puts, deletes) => {
    if (puts.some(([name]) => name.endsWith("/session"))) throw new Error("QuotaExceededError");
    await write(puts, deletes);
  };
  await expect.poll(() => notes.refreshed.length).toBeGreaterThanOrEqual(3);
  await first.contacts.search(""); // nothing is under way
  await first.close(); // the other tab goes on, with what storage never had
  const before = notes.refreshed.length;
  await expect.poll(() => notes.refreshed.length).toBeGreaterThan(before);
  await live(second);
  expect(new Set(notes.refreshed).size).toBe(notes.refreshed.length);
});

test("tokens that the server knows no more end nothing where another tab has newer ones", async () => {
  const proxy = await proxied(server.url);
  const browser = new Browser();
  const first = browser.open({ url: proxy.url });
  await first.accounts.register({ email: `tini-${Date.now()}@test.com`, password: PASSWORD });
  await live(first);
  const second = browser.open({ url: proxy.url, tabs: browser.freezable, clock: stoppedClock() });
  await live(second);
  browser.isFrozen = true; // the second tab hears nothing of a refresh
  const before = proxy.count(refreshes);
  await expect.poll(() => proxy.count(refreshes)).toBeGreaterThan(before);
  await first.contacts.search("");
  proxy.fault({ status: 401, code: "TOKEN_REVOKED" }, ({ path }) => path.startsWith("/api/user/contacts"));
  await expect(second.contacts.search("")).rejects.toMatchObject({ code: "TOKEN_REVOKED" });
  expect((await second.contacts.search("nobody-is-called-so")).reason?.code).toBe("NO_MATCH");
  expect(second.accounts.getSnapshot().status).toBe("signed-in");
  expect(first.accounts.getSnapshot().status).toBe("signed-in");
});
