import { expect, test } from "vitest";
import type { Chat, Message } from "../src/index.js";
import { Browser } from "./support/browser.js";
import { live, newPerson, PASSWORD, proxied, sees, textsOf, until } from "./support/chats.js";
import type { Seen } from "./support/proxy.js";

const sockets = ({ path }: Seen) => path.startsWith("/socket.io");
const refreshes = ({ path }: Seen) => path === "/api/auth/refresh";

async function threeTabs(url: string) {
  const browser = new Browser();
  const bdbb = await newPerson("Bdbb");
  await live(bdbb.chat);
  const first = browser.open({ url });
  const email = `tini-${Date.now()}@test.com`;
  await first.accounts.register({ email, password: PASSWORD, name: "Tini" });
  await live(first);
  const [second, third] = [browser.open({ url }), browser.open({ url })];
  const { id } = await first.conversations.openDirect(bdbb.user.id);
  for (const tab of [second, third]) {
    await live(tab);
    await until(tab.conversations.one(id), (conversation) => conversation !== null);
  }
  return { browser, tabs: [first, second, third] as [Chat, Chat, Chat], bdbb: bdbb.chat, id, email };
}

test("three tabs have one connection, and each shows everything once", async () => {
  const proxy = await proxied();
  const { tabs, bdbb, id } = await threeTabs(proxy.url);
  const heard: string[] = [];
  tabs.forEach((tab, index) => {
    tab.on("message", ({ content }) => heard.push(`tab ${index}: ${content}`));
  });
  bdbb.messages(id).send("One");
  tabs[1].messages(id).send("Two"); // from a tab that has no connection
  for (const tab of tabs) await until(tab.messages(id), ({ data }) => data.length === 2);
  bdbb.messages(id).send("Three");
  for (const chat of [...tabs, bdbb]) await until(chat.messages(id), ({ data }) => data.length === 3);
  const shown = [...tabs, bdbb].map((chat) => textsOf(chat.messages(id).getSnapshot().data));
  expect(new Set(shown.map((texts) => texts.join())).size).toBe(1);
  expect(proxy.count(sockets)).toBe(1);
  expect(heard).toEqual(["tab 0: One", "tab 0: Three"]); // one tab rings
});

test("what a tab without the connection does, is done", async () => {
  const { tabs, bdbb, id } = await threeTabs((await proxied()).url);
  const [, second, third] = tabs;
  bdbb.messages(id).send("Read me");
  await until(second.conversations.one(id), (conversation) => conversation?.unreadCount === 1);
  second.messages(id).markRead();
  await until(bdbb.messages(id), ({ data }) => data[0]?.kind === "message" && data[0].status === "read");
  for (const tab of tabs) await until(tab.conversations.one(id), (conversation) => conversation?.unreadCount === 0);
  third.typing(id).set(true);
  await until(bdbb.typing(id), (users) => users.length === 1);
  bdbb.typing(id).set(true); // for some seconds
  await Promise.all(tabs.map((tab) => until(tab.typing(id), (users) => users[0]?.name === "Bdbb")));
  second.draft(id).set("Half a sente");
  for (const tab of tabs) await until(tab.draft(id), (text) => text === "Half a sente");
  const failing = second.messages(id).send("x".repeat(10_001));
  for (const tab of tabs) await until(tab.messages(id), ({ data }) => data.length === 2);
  await until(third.messages(id), ({ data }) => data[1]?.kind === "message" && data[1].status === "failed");
  third.messages(id).discard(failing.clientMsgId);
  for (const tab of tabs) await until(tab.messages(id), ({ data }) => data.length === 1);
});

test("a tab without the connection acts on messages, and hears what has become of it", async () => {
  const { tabs, bdbb, id } = await threeTabs((await proxied()).url);
  const [, second, third] = tabs;
  const mine = second.messages(id);
  mine.send("Nien?");
  await sees(bdbb, id, "Nien?");
  bdbb.messages(id).send("Not yours");
  for (const chat of [bdbb, ...tabs]) await sees(chat, id, "Nien?", "Not yours");
  const [sent, theirs] = mine.getSnapshot().data as [Message, Message];
  await mine.edit(sent, "Nine?");
  await expect(mine.edit(theirs, "Mine")).rejects.toMatchObject({ code: "NOT_ALLOWED" });
  for (const chat of [bdbb, ...tabs]) await sees(chat, id, "Nine?", "Not yours");
  await third.messages(id).remove(sent);
  for (const chat of [bdbb, ...tabs]) await sees(chat, id, "", "Not yours");
});

test("when the tab with the connection is closed, another one goes on, and nothing is lost", async () => {
  const proxy = await proxied();
  const { tabs, bdbb, id } = await threeTabs(proxy.url);
  const [first, second, third] = tabs;
  second.messages(id).send("Before");
  await sees(bdbb, id, "Before");
  const closing = first.close();
  third.messages(id).send("While nobody leads");
  await closing;
  bdbb.messages(id).send("Answer");
  for (const chat of [second, third, bdbb]) {
    const { data } = await until(chat.messages(id), ({ data }) => data.length === 3);
    expect(textsOf(data).sort()).toEqual(["Answer", "Before", "While nobody leads"]);
  }
  expect(proxy.count(sockets)).toBe(2);
});

test("signing out in one tab signs out all, and leaves nothing on the device", async () => {
  const { browser, tabs, id } = await threeTabs((await proxied()).url);
  const [first, second, third] = tabs;
  first.messages(id).send("Secret");
  await until(third.messages(id), ({ data }) => data.length === 1);
  await second.accounts.logout();
  for (const tab of tabs) {
    await until(tab.accounts, ({ status }) => status === "signed-out");
    await until(tab.conversations, ({ data }) => data.length === 0);
  }
  const left = async () => (await browser.storage.keys("")).filter((name) => !name.endsWith("/device"));
  await expect.poll(left).toEqual([]);
});

test("somebody who signs in in one tab is signed in in all", async () => {
  const browser = new Browser();
  const [first, second] = [browser.open(), browser.open()];
  const { email, user } = await newPerson("Tini");
  await second.accounts.login({ email, password: PASSWORD });
  await until(first.accounts, ({ user: here }) => here?.id === user.id);
  await Promise.all([live(first), live(second)]);
});

test("tabs that find the token expired refresh it once between them", async () => {
  const proxy = await proxied();
  const browser = new Browser();
  const options = { url: proxy.url };
  const tabs = [browser.open(options), browser.open(options), browser.open(options)] as const;
  await tabs[0].accounts.register({ email: `tini-${Date.now()}@test.com`, password: PASSWORD });
  for (const tab of tabs) await live(tab);
  proxy.expireToken();
  await Promise.all(tabs.map((tab) => tab.contacts.search("")));
  for (const tab of tabs) await live(tab);
  expect(proxy.count(refreshes)).toBe(1);
});

test("older messages that one tab has fetched are there for the others too", async () => {
  const proxy = await proxied();
  const { tabs, bdbb, id } = await threeTabs(proxy.url);
  const [first, second] = tabs;
  const texts = Array.from({ length: 130 }, (_, index) => `Line ${index + 1}`);
  first.connection.setOnline(false);
  for (const text of texts) bdbb.messages(id).send(text);
  await until(
    bdbb.messages(id),
    ({ data }) => data.length === 130 && data.every((row) => row.kind === "message" && row.status === "sent"),
  );
  first.connection.setOnline(true);
  const pages = () => proxy.count(({ path }) => path.includes("/entries?"));
  for (const tab of [second, first]) {
    const here = tab.messages(id);
    await until(here, ({ data }) => textsOf(data).at(-1) === "Line 130" && data.length >= 50);
    while (here.getSnapshot().hasOlder) await here.loadOlder(200);
    expect(textsOf(here.getSnapshot().data)).toEqual(texts);
    await first.conversations.refresh(); // everything is stored by now
  }
  expect(pages()).toBeLessThanOrEqual(2);
});

test("a leading tab that is frozen in the background loses the lead to one that somebody looks at", async () => {
  const proxy = await proxied();
  const browser = new Browser();
  const bdbb = await newPerson("Bdbb");
  await live(bdbb.chat);
  const frozen = browser.open({ url: proxy.url, tabs: browser.freezable });
  await frozen.accounts.register({ email: `tini-${Date.now()}@test.com`, password: PASSWORD, name: "Tini" });
  await live(frozen);
  const { id } = await frozen.conversations.openDirect(bdbb.user.id);
  const seen = browser.open({ url: proxy.url });
  await live(seen);
  browser.isFrozen = true;
  seen.messages(id).send("Nobody sends me");
  seen.connection.setForeground(true);
  await sees(bdbb.chat, id, "Nobody sends me");
  browser.isFrozen = false;
  bdbb.chat.messages(id).send("Once");
  for (const tab of [seen, frozen]) await sees(tab, id, "Nobody sends me", "Once");
});

test("a draft that is sent in one tab wipes nothing that is being typed in another", async () => {
  const { tabs, id } = await threeTabs((await proxied()).url);
  const [first, second, third] = tabs;
  second.draft(id).set("Being typed");
  await until(third.draft(id), (text) => text === "Being typed");
  first.draft(id).set("Sent at once");
  first.messages(id).send("Sent at once");
  first.draft(id).clear();
  expect(first.draft(id).getSnapshot()).toBe("");
  await until(third.draft(id), (text) => text === "Sent at once");
  await until(third.draft(id), (text) => text === "Being typed"); // still a draft
  expect(second.draft(id).getSnapshot()).toBe("Being typed");
  first.draft(id).set("Sent after a pause");
  await until(third.draft(id), (text) => text === "Sent after a pause");
  expect(second.draft(id).getSnapshot()).toBe("Being typed");
  first.messages(id).send("Sent after a pause");
  first.draft(id).clear();
  await until(third.draft(id), (text) => text === "Being typed"); // still a draft
  expect(second.draft(id).getSnapshot()).toBe("Being typed");
});

test("a draft that is sent in another tab, as it was typed here, is gone here too", async () => {
  const { tabs, id } = await threeTabs((await proxied()).url);
  const [first, second, third] = tabs;
  second.draft(id).set("Typed here");
  await until(first.draft(id), (text) => text === "Typed here");
  first.messages(id).send(first.draft(id).getSnapshot());
  first.draft(id).clear();
  for (const tab of [second, third]) await until(tab.draft(id), (text) => text === "");
});
