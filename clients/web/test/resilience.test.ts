/** Faults of the network and the server: people see the truth, and nothing is lost. */
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { FaultProxy } from "../../js/test/support/proxy";
import { Server } from "../../js/test/support/server";
import { type Account, account, call, direct, launch, PASSWORD, Person, PHONE, say } from "./support/browser";
import { storedKeys } from "./support/storage";

let browser: Browser;
let server: Server;
let proxy: FaultProxy;
let count = 0;
let ann: Account;
let ben: Account;
let id: string;
const TOKEN_SECONDS = 6;

beforeAll(async () => {
  [browser, server] = await Promise.all([
    launch(),
    Server.start({ ACCESS_TOKEN_SECONDS: String(TOKEN_SECONDS), DRAIN_SECONDS: "4" }),
  ]);
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

beforeEach(async () => {
  count++;
  [ann, ben] = await Promise.all([account(server.url, `Ann ${count}`), account(server.url, `Ben ${count}`)]);
  id = await direct(ann, ben);
  proxy = await FaultProxy.start(server.url);
});

afterEach(async () => {
  await proxy.stop();
});

async function both(): Promise<[Person, Person]> {
  const people = await Promise.all([
    Person.enter(browser, proxy.url, ann.email),
    Person.enter(browser, proxy.url, ben.email, { size: PHONE }),
  ]);
  await Promise.all([people[0].openConversation(/Ben/), people[1].openConversation(/Ann/)]);
  return people;
}

async function texts(person: Person): Promise<string[]> {
  const rows = person.messages.locator("li[data-kind=message] p");
  return (await rows.evaluateAll((all) => all.map((row) => row.firstChild?.textContent ?? ""))) as string[];
}

test("the server is killed in mid-conversation and comes back: nothing is lost, doubled or out of order", async () => {
  const [one, other] = await both();
  await one.send("before");
  await other.message("before").waitFor();
  await server.end("SIGKILL");
  await one.banner.getByText("The server can't be reached.").waitFor();
  await one.page
    .getByRole("link", { name: /show info/ })
    .getByText("online")
    .waitFor({ state: "detached" });
  await other.page.getByRole("status").filter({ hasText: "The server can't be reached." }).waitFor();
  await one.send("during, first");
  await one.send("during, second");
  await one.reached("during, second", "Waiting to be sent");
  await one.button("Try now").waitFor();
  await Promise.all([one.banner.getByText("You are back online.").waitFor(), server.start()]); // it says so for seconds
  await one.send("after");
  await other.message("after").waitFor();
  for (const person of [one, other]) {
    await expect.poll(() => texts(person)).toEqual(["before", "during, first", "during, second", "after"]);
  }
  await one.reached("during, first", /Read|Delivered/);
  await one.banner.getByText("You are back online.").waitFor({ state: "detached" });
  expect(one.complaints).toEqual([]);
  await Promise.all([one.close(), other.close()]);
});

test("offline and back: queued messages go out in order, and what came meanwhile is there", async () => {
  const [one, other] = await both();
  await other.context.setOffline(true);
  await other.button("Back to the list").click();
  await other.banner.getByText("You are offline.").waitFor();
  await other.openConversation(/Ann/);
  for (const text of ["one", "two", "three"]) await other.send(text);
  await other.reached("three", "Waiting to be sent");
  await say(ann, id, "zero");
  await other.context.setOffline(false);
  for (const person of [one, other]) {
    await expect.poll(() => texts(person)).toEqual(["zero", "one", "two", "three"]);
  }
  await other.reached("three", /Sent|Delivered|Read/);
  await Promise.all([one.close(), other.close()]);
});

test("what was not sent survives the end of the app", async () => {
  const one = await Person.enter(browser, proxy.url, ann.email);
  await one.openConversation(/Ben/);
  await one.context.setOffline(true);
  await one.send("Send me later");
  await one.reached("Send me later", "Waiting to be sent");
  await expect.poll(() => storedKeys(one.page)).toContainEqual(expect.stringContaining("/r/o/"));
  await one.page.close({ runBeforeUnload: false });
  await one.context.setOffline(false);
  const again = await one.context.newPage();
  await again.goto(`${proxy.url}/app/chats/${id}`);
  await again.getByRole("list", { name: "Messages" }).getByText("Send me later").waitFor();
  await again.getByRole("img", { name: "Sent", exact: true }).first().waitFor();
  await one.close();
});

test("where the network blocks sockets, messages still come and go, and the app says so", async () => {
  proxy.fault("unavailable", ({ path }) => path.startsWith("/socket.io"), 100_000);
  const [one, other] = await both();
  await one.banner.getByText("Your network blocks live updates.").waitFor();
  await one.send("by the long way");
  await other.message("by the long way").waitFor();
  proxy.heal();
  await one.pressUnlessDone(one.button("Try now"), one.banner.getByText("You are back online."));
  await Promise.all([one.close(), other.close()]);
});

test("tokens expire, and nobody notices", async () => {
  const [one, other] = await both();
  const start = proxy.seen.length;
  const isRefresh = ({ path }: { path: string }) => path === "/api/auth/refresh";
  await expect
    .poll(() => proxy.seen.slice(start).filter(isRefresh).length, { timeout: 4 * TOKEN_SECONDS * 1000 })
    .toBeGreaterThanOrEqual(4);
  await one.send("still here");
  await other.message("still here").waitFor();
  await one.reached("still here", /Delivered|Read/);
  expect(await one.banner.textContent()).toBe("");
  await Promise.all([one.close(), other.close()]);
});

test("a session that was ended elsewhere leads to the log-in page, which says why", async () => {
  const one = await Person.enter(browser, proxy.url, ann.email);
  await one.openConversation(/Ben/);
  const { data } = await call(server.url, "GET", "/api/auth/sessions", undefined, (await login()).token);
  const web = data.find((session: { client: string }) => session.client === "web");
  await call(server.url, "DELETE", `/api/auth/sessions/${web.id}`, undefined, (await login()).token);
  await one.page.getByText("Your session was ended").waitFor();
  await one.login(ann.email);
  await one.composer.waitFor(); // it returns to the conversation rather than to the list
  await one.close();
});

function login(): Promise<{ token: string }> {
  return call(server.url, "POST", "/api/auth/login", { email: ann.email, password: PASSWORD });
}

test("the app opens offline, with what it knew", async () => {
  await say(ben, id, "Known before");
  const one = await Person.enter(browser, proxy.url, ann.email, { size: PHONE, keepsApp: true });
  await one.openConversation(/Ben/);
  await one.message("Known before").waitFor();
  await expect.poll(() => storedKeys(one.page)).toContainEqual(expect.stringContaining(`/e/${id}/`));
  await one.page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  await one.context.setOffline(true);
  await one.page.reload();
  await one.message("Known before").waitFor();
  await one.button("Back to the list").click();
  await one.banner.getByText("You are offline.").waitFor();
  await one.button("Menu").click();
  await one.page.getByRole("menuitem", { name: "Settings" }).click();
  await one.heading("Settings").waitFor();
  expect(one.complaints.filter((text) => !/ERR_|net::|fetch/i.test(text))).toEqual([]);
  await one.close();
});

test("a failure of the server is told with its request id, to copy; trying again helps", async () => {
  const one = await Person.enter(browser, proxy.url, ann.email);
  await one.context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await one.isLive();
  proxy.fault({ status: 500, code: "INTERNAL_ERROR" }, ({ path }) => path.startsWith("/api/user/contacts"), 100);
  await one.button("New chat").first().click();
  await one.page.getByText("Something went wrong on the server.").waitFor();
  await one.page.getByText("from-the-proxy").waitFor();
  await one.button("Copy").click();
  await one.page.getByText("The request id is copied.").first().waitFor();
  expect(await one.page.evaluate(() => navigator.clipboard.readText())).toBe("from-the-proxy");
  proxy.heal();
  await one.button("Try again").click();
  await one.button(new RegExp(ben.name)).waitFor();
  await one.close();
});

test("something else than the server answers: the app says so instead of showing an empty list", async () => {
  const one = await Person.enter(browser, proxy.url, ann.email);
  await one.isLive();
  proxy.fault("html", ({ path }) => path.startsWith("/api/user/contacts"), 100);
  await one.button("New chat").first().click();
  await one.page.getByText(/is not from the chat server/).waitFor();
  proxy.heal();
  await one.button("Try again").click();
  await one.button(new RegExp(ben.name)).waitFor();
  await one.close();
});

test("a storage that never answers: the page comes up, says what is lost, and one can write", async () => {
  const person = await Person.open(browser, server.url);
  await person.context.addInitScript(() => {
    IDBFactory.prototype.open = () => ({}) as IDBOpenDBRequest;
  });
  await person.page.reload();
  await person.page
    .getByText(/The device's storage can't be used/)
    .first()
    .waitFor();
  await person.login(ann.email);
  await person.openConversation(/Ben/);
  await person.send("Kept by the server");
  await person.reached("Kept by the server", /Sent|Delivered/);
  expect(person.complaints).toEqual([]);
  await person.close();
});
