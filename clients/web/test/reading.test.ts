/** Reading: where a conversation opens, what counts as read, and coming back to where one was. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { FaultProxy } from "../../js/test/support/proxy";
import { Server } from "../../js/test/support/server";
import { type Account, account, call, direct, launch, Person, PHONE, say } from "./support/browser";
import { distanceFromEnd, restingPlace } from "./support/timeline";

let browser: Browser;
let server: Server;
let count = 0;
let ann: Account;
let ben: Account;
let id: string;
const MESSAGES = 120;
const TOO_MANY = 1_051;
const AT_ONCE = 50;

beforeAll(async () => {
  [browser, server] = await Promise.all([launch(), Server.start()]);
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

beforeEach(async () => {
  count++;
  [ann, ben] = await Promise.all([account(server.url, `Ann ${count}`), account(server.url, `Ben ${count}`)]);
  id = await direct(ann, ben);
});

/** Messages of Ben's, of which Ann has not read the last ones. */
async function tell(unread: number): Promise<void> {
  const text = (number: number) => `Message ${number} ${"and so on ".repeat((number * 7) % 23)}`;
  await Promise.all(Array.from({ length: MESSAGES - 1 }, (_, index) => say(ben, id, text(index + 1))));
  await say(ben, id, "The newest");
  await call(server.url, "POST", `/api/conversations/${id}/read`, { seq: MESSAGES - unread }, ann.token);
}

/** More than is loaded to open at the first of them, and short: it is their number that matters. */
async function tellTooMuch(): Promise<void> {
  await say(ben, id, "The first");
  for (let sent = 1; sent < TOO_MANY - 1; sent += AT_ONCE) {
    const length = Math.min(AT_ONCE, TOO_MANY - 1 - sent);
    await Promise.all(Array.from({ length }, (_, index) => say(ben, id, `Short ${sent + index}`))); // in any order
  }
  await say(ben, id, "The newest");
}

async function unread(): Promise<number> {
  const { data } = await call(server.url, "GET", `/api/conversations/${id}`, undefined, ann.token);
  return data.unreadCount;
}

/** Return whether all of it is within the timeline's box. */
function isInSight(person: Person, selector: string): Promise<boolean> {
  return person.page.evaluate((wanted) => {
    const box = (document.querySelector("[data-timeline]") as HTMLElement).getBoundingClientRect();
    const row = document.querySelector(`[data-timeline] ${wanted}`)?.getBoundingClientRect();
    return row !== undefined && row.top >= box.top - 1 && row.bottom <= box.bottom + 1;
  }, selector);
}

/** Waits until the list says so, also where it is covered: the server hears of what is read seconds later. */
function counts(person: Person, many: number): Promise<void> {
  const row = person.page.locator("nav[aria-label=Conversations] a", { hasText: ben.name });
  return row.getByText(`${many} unread message`).waitFor({ state: "attached" });
}

test.each([
  [1, "desktop", undefined],
  [1, "phone", PHONE],
  [30, "phone", PHONE],
  [70, "desktop", undefined],
])("a long conversation opens where what is unread begins: %i unread (%s)", async (many, _, size) => {
  await tell(many);
  const person = await Person.enter(browser, server.url, ann.email, size ? { size } : {});
  await person.row(new RegExp(`${many} unread`)).waitFor();
  await person.openConversation(/Ben/);
  await person.messages.getByText(new RegExp(`^${many} unread message`)).waitFor();
  await expect.poll(() => isInSight(person, "li[data-kind=unread]")).toBe(true);
  if (many === 1) {
    await expect.poll(() => distanceFromEnd(person)).toBeLessThan(2);
    await expect.poll(unread).toBe(0);
  } else {
    await expect.poll(unread).toBeLessThan(many);
    expect(await unread(), "what lies below is unread").toBeGreaterThan(0);
    await person.button(/^To the newest message/).click();
    await person.message("The newest").waitFor();
    await expect.poll(unread).toBe(0);
  }
  expect(person.complaints).toEqual([]);
  await person.close();
});

test("more than a thousand unread: at the newest, none is read, and the first is one click away", async () => {
  await tellTooMuch();
  const person = await Person.enter(browser, server.url, ann.email, { size: PHONE });
  const bar = person.page.getByRole("region", { name: /^Conversation with/ }).getByRole("status");
  await person.openConversation(/Ben/);
  await person.message("The newest").waitFor();
  await bar.getByText(`${TOO_MANY} unread messages`).waitFor();
  await expect.poll(() => distanceFromEnd(person)).toBeLessThan(2);
  await say(ben, id, "One more");
  await person.message("One more").waitFor();
  await bar.getByText(`${TOO_MANY + 1} unread messages`).waitFor();
  expect(await unread()).toBe(TOO_MANY + 1);

  await person.button("Show the first").click();
  await person.message("The first").waitFor();
  await expect.poll(() => isInSight(person, "li[data-kind=unread]")).toBe(true);
  await person.button("Mark as read").waitFor({ state: "detached" });
  await expect.poll(unread).toBeLessThan(TOO_MANY + 1);
  expect(await unread(), "what lies below is unread").toBeGreaterThan(1_000);
  expect(person.complaints).toEqual([]);
  await person.close();
});

test("more than a thousand unread: scrolling up from the newest reads none, and all are marked at once", async () => {
  await tellTooMuch();
  const person = await Person.enter(browser, server.url, ann.email);
  await person.openConversation(/Ben/);
  await person.message("The newest").waitFor();
  await person.page.mouse.move(person.size.width - 100, person.size.height / 2);
  for (let turn = 0; turn < 10; turn++) await person.page.mouse.wheel(0, -300);
  await person.button(/^To the newest message/).click();
  await person.message("The newest").waitFor();
  await expect.poll(() => distanceFromEnd(person)).toBeLessThan(2);
  await counts(person, TOO_MANY);
  expect(await unread()).toBe(TOO_MANY);
  await person.button("Mark as read").click();
  await expect.poll(unread).toBe(0);
  await person.button("Mark as read").waitFor({ state: "detached" });
  await expect.poll(() => distanceFromEnd(person)).toBeLessThan(2);
  await say(ben, id, "After that");
  await person.message("After that").waitFor();
  await expect.poll(unread).toBe(0);
  expect(person.complaints).toEqual([]);
  await person.close();
});

test("what comes all at once is not scrolled past: the view stops where it begins", async () => {
  await tell(0);
  const proxy = await FaultProxy.start(server.url);
  const person = await Person.enter(browser, proxy.url, ann.email);
  await person.openConversation(/Ben/);
  await person.message("The newest").waitFor();
  await proxy.down();
  await Promise.all(Array.from({ length: 40 }, (_, index) => say(ben, id, `Missed ${index + 1}`)));
  await proxy.up();
  await person.messages.getByText("40 unread messages").waitFor();
  await expect.poll(() => isInSight(person, "li[data-kind=unread]")).toBe(true);
  await expect.poll(unread).toBeLessThan(40);
  expect(await unread()).toBeGreaterThan(0);
  await person.close();
  await proxy.down();
});

test("nothing is read behind a dialog, under another panel, or in a window without focus", async () => {
  await say(ben, id, "first");
  const person = await Person.enter(browser, server.url, ann.email, { size: PHONE });
  await person.openConversation(/Ben/);
  await expect.poll(unread).toBe(0);

  await person.choose("More", "Delete chat");
  await person.overlay("alertdialog").waitFor();
  await say(ben, id, "behind a dialog");
  await person.page.locator("[data-timeline]").getByText("behind a dialog").waitFor();
  await say(ben, id, "and again");
  await person.page.locator("[data-timeline]").getByText("and again").waitFor();
  await counts(person, 2);
  expect(await unread()).toBe(2);
  await person.page.getByRole("button", { name: "Cancel" }).click();
  await expect.poll(unread).toBe(0);

  await person.page.getByRole("link", { name: /show info/ }).click();
  await person.page.getByRole("complementary", { name: "Contact info" }).waitFor();
  await say(ben, id, "under a panel");
  await person.page.locator("[data-timeline]").getByText("under a panel").waitFor({ state: "attached" });
  await say(ben, id, "under it still");
  await person.page.locator("[data-timeline]").getByText("under it still").waitFor({ state: "attached" });
  await counts(person, 2);
  expect(await unread()).toBe(2);
  await person.button("Close the info").click();
  await expect.poll(unread).toBe(0);

  await person.page.evaluate(() => {
    document.hasFocus = () => false;
  });
  await say(ben, id, "while away");
  await person.message("while away").waitFor();
  await person.messages.getByText("1 unread message").waitFor();
  await counts(person, 1);
  expect(await unread()).toBe(1);
  await person.page.evaluate(() => {
    document.hasFocus = () => true;
    window.dispatchEvent(new Event("focus"));
  });
  await expect.poll(unread).toBe(0);
  await person.close();
});

test("scrolling up, away and back comes back to where one was", async () => {
  await tell(0);
  const cid = await account(server.url, `Cid ${count}`);
  await say(cid, await direct(cid, ann), "Hello");
  const person = await Person.enter(browser, server.url, ann.email);
  await person.openConversation(/Ben/);
  await person.message("The newest").waitFor();
  await person.page.mouse.move(person.size.width - 100, person.size.height / 2);
  const turn = async () => {
    await person.page.mouse.wheel(0, -300); // what is older comes in its time
    return person.message(/Message [1-4]\d /).count();
  };
  await expect.poll(turn).toBeGreaterThan(0);
  const place = await restingPlace(person);
  await person.openConversation(/Cid/);
  await person.message("Hello").waitFor();
  await person.openConversation(/Ben/);
  await expect.poll(() => restingPlace(person)).toBe(place);
  await person.button("To the newest message").click();
  await person.message("The newest").waitFor();
  await person.openConversation(/Cid/);
  await person.openConversation(/Ben/);
  await person.message("The newest").waitFor();
  await expect.poll(() => distanceFromEnd(person)).toBeLessThan(2);
  expect(person.complaints).toEqual([]);
  await person.close();
});
