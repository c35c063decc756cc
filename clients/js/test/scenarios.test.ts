/** Why contacts are empty: nine reasons, and what the app is told in each. README.md shows what to do with it. */
import { describe, expect, test } from "vitest";
import { memoryStorage } from "../src/index.js";
import { live, newPerson, openChat, ownServer, proxied, until } from "./support/chats.js";
import { HastyClock, TIME_OUTS } from "./support/clocks.js";
import type { Fault, Seen } from "./support/proxy.js";

const asks = ({ path }: Seen) => path.startsWith("/api/user/contacts");

/** The contacts of somebody for whom one thing goes wrong, for good. */
async function contactsWith(fault: Fault) {
  const proxy = await proxied();
  const clock = new HastyClock();
  const { chat } = await newPerson("Tini", { url: proxy.url, clock });
  await live(chat);
  proxy.fault(fault, asks, 3);
  if (fault === "hang") clock.hurry(TIME_OUTS);
  const list = await until(chat.contacts, ({ status }) => status !== "loading");
  clock.calm();
  return { chat, list };
}

describe("on an empty server", () => {
  const own = ownServer();

  test("1, 2: nobody else is there: empty, with the server's word why", async () => {
    const { chat } = await newPerson("Solo", { url: own.server.url });
    const list = await until(chat.contacts, ({ status }) => status !== "loading");
    expect(list).toMatchObject({
      status: "empty",
      reason: { code: "NO_USERS", message: "No other users found. Ask friends to sign up!" },
    });
    expect(list.error).toBeUndefined();
  });
});

describe("on a server with many people", () => {
  const own = ownServer({}, "seed", "--users", "230");

  test("a directory of several pages is loaded page by page, and refreshed as far as it was loaded", async () => {
    const proxy = await proxied(own.server.url);
    const { chat } = await newPerson("Reader", { url: proxy.url });
    await live(chat);
    const first = await until(chat.contacts, ({ status }) => status === "ready");
    expect(first).toMatchObject({ hasMore: true, loadingMore: false });
    const more = chat.contacts.loadMore();
    expect(chat.contacts.getSnapshot().loadingMore).toBe(true);
    await more;
    const { data } = chat.contacts.getSnapshot();
    expect(data.length).toBeGreaterThan(230);
    expect(new Set(data.map(({ id }) => id)).size).toBe(data.length);
    await chat.contacts.refresh();
    expect(chat.contacts.getSnapshot()).toMatchObject({ data, hasMore: false });
    proxy.fault({ status: 500, code: "INTERNAL_ERROR" }, asks, 3);
    await chat.contacts.refresh();
    expect(chat.contacts.getSnapshot()).toMatchObject({ status: "ready", data, error: { code: "INTERNAL_ERROR" } });
  });
});

test("3: the token is a user's who is gone: signed out, with the reason", async () => {
  const { chat, list } = await contactsWith({ status: 401, code: "ACCOUNT_GONE" });
  expect(list).toMatchObject({ status: "error", error: { code: "ACCOUNT_GONE" } });
  const account = await until(chat.accounts, ({ status }) => status === "signed-out");
  expect(account).toMatchObject({
    reason: "account-gone",
    error: { code: "ACCOUNT_GONE", requestId: "from-the-proxy" },
  });
});

test("4: the token has expired: it is refreshed, and the contacts are there", async () => {
  const proxy = await proxied();
  const { chat } = await newPerson("Tini", { url: proxy.url });
  await live(chat);
  proxy.fault({ status: 401, code: "TOKEN_EXPIRED" }, asks);
  await until(chat.contacts, ({ status, error }) => status === "ready" && !error);
  expect(proxy.count(({ path }) => path === "/api/auth/refresh")).toBe(1);
});

test("5: the database is away: an error that says so, and that it passes", async () => {
  const { list } = await contactsWith({ status: 503, code: "DATABASE_UNAVAILABLE" });
  expect(list).toMatchObject({ status: "error", error: { code: "DATABASE_UNAVAILABLE", retryable: true } });
});

test("6: the query failed: an error with the id to find it by", async () => {
  const { list } = await contactsWith({ status: 500, code: "INTERNAL_ERROR" });
  expect(list).toMatchObject({ status: "error", error: { code: "INTERNAL_ERROR", requestId: "from-the-proxy" } });
});

test("7: the request takes too long: an error that can be tried again, and is", async () => {
  const { chat, list } = await contactsWith("hang");
  expect(list).toMatchObject({ status: "error", error: { code: "TIMEOUT", retryable: true } });
  await chat.contacts.refresh();
  expect(chat.contacts.getSnapshot().status).toBe("ready");
});

test("8: something between answers instead of the server, or the browser lets nothing through", async () => {
  const { list } = await contactsWith("html");
  expect(list).toMatchObject({ status: "error", error: { code: "BAD_ANSWER" } });
  const blocked = openChat({ fetch: () => Promise.reject(new TypeError("Failed to fetch")) });
  await expect(blocked.accounts.login({ email: "a@test.com", password: "password123" })).rejects.toMatchObject({
    code: "NETWORK_ERROR",
    message: "The server can't be reached (Failed to fetch).",
  });
});

test("9: the server can't be reached from here: offline, with the next attempt", async () => {
  const proxy = await proxied();
  const storage = memoryStorage();
  const { chat } = await newPerson("Tini", { url: proxy.url, storage });
  await live(chat);
  await chat.close();
  await proxy.down();
  const again = openChat({ url: proxy.url, storage });
  const list = await until(again.contacts, ({ status }) => status === "error");
  expect(list.error).toMatchObject({ code: "NETWORK_ERROR", retryable: true });
  const connection = await until(again.connection, ({ status }) => status === "offline");
  expect(connection.error?.code).toBe("NETWORK_ERROR");
  await proxy.up();
  await until(again.contacts, ({ status, stale }) => status === "ready" && !stale);
});
