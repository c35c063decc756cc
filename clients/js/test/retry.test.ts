import { expect, test } from "vitest";
import { defaultTiming, retryDelay } from "../src/clock.js";
import { live, newPerson, proxied, until } from "./support/chats.js";

test("delays double from 1 s to 10 s, each times a random number between a half and one", () => {
  const delays = (random: number) =>
    [1, 2, 3, 4, 5, 50].map((attempt) => retryDelay(attempt, defaultTiming, () => random));
  expect(delays(1)).toEqual([1000, 2000, 4000, 8000, 10_000, 10_000]);
  expect(delays(0)).toEqual([500, 1000, 2000, 4000, 5000, 5000]);
});

test("reads are tried again, within the same call", async () => {
  const proxy = await proxied();
  const { chat } = await newPerson("Tini", { url: proxy.url });
  await live(chat);
  const asks = ({ path }: { path: string }) => path.startsWith("/api/user/contacts");
  proxy.fault("unavailable", asks);
  proxy.fault("lose", asks);
  expect((await chat.contacts.search("")).data.length).toBeGreaterThan(0);
  expect(proxy.count(asks)).toBe(3);
});

test("what can't be repeated safely is not repeated", async () => {
  const proxy = await proxied();
  const { chat } = await newPerson("Tini", { url: proxy.url });
  const asks = ({ path }: { path: string }) => path === "/api/auth/password";
  proxy.fault("lose", asks);
  await expect(chat.accounts.changePassword("password123", "password456")).rejects.toThrow("can't be reached");
  expect(proxy.count(asks)).toBe(1);
});

test("a group is founded once though the answer to it was lost", async () => {
  const proxy = await proxied();
  const [tini, bdbb, krish] = await Promise.all([
    newPerson("Tini", { url: proxy.url }),
    newPerson("Bdbb"),
    newPerson("Krish"),
  ]);
  await live(bdbb.chat);
  proxy.fault("lose", ({ method, path }) => method === "POST" && path === "/api/user/conversations", 2);
  await tini.chat.conversations.createGroup({ name: "Once", memberIds: [bdbb.user.id, krish.user.id] });
  const { data } = await until(bdbb.chat.conversations, (list) => list.data.length > 0);
  expect(data.map(({ title }) => title)).toEqual(["Once"]);
  const { data: own } = await until(tini.chat.conversations, (list) => list.data.length > 0);
  expect(own.map(({ title }) => title)).toEqual(["Once"]);
});
