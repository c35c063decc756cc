/** Whoever is at the end of a conversation stays there, whatever comes and whatever changes its size. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Server } from "../../js/test/support/server";
import { type Account, account, call, direct, launch, Person, PHONE, say } from "./support/browser";
import { distanceFromEnd, resize } from "./support/timeline";

let browser: Browser;
let server: Server;
let count = 0;
let ann: Account;
let ben: Account;
let id: string;
const NEWEST = 29;
const BURST = ["one more", "and one more", "taller than a phone ".repeat(80)];

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
  const text = (number: number) => `Message ${number} ${"so on ".repeat(20)}`;
  await Promise.all(Array.from({ length: NEWEST }, (_, index) => say(ben, id, text(index)))); // in any order
  await say(ben, id, text(NEWEST));
  await call(server.url, "POST", `/api/conversations/${id}/read`, {}, ann.token);
});

/** The page draws no more frames, so that nothing it leads to has an end, until it is told to go on. */
function holdFrames(person: Person): Promise<void> {
  return person.page.evaluate(() => {
    const draw = window.requestAnimationFrame;
    const held: FrameRequestCallback[] = [];
    window.requestAnimationFrame = (callback) => held.push(callback);
    window.addEventListener(
      "go on",
      () => {
        window.requestAnimationFrame = draw;
        for (const callback of held) draw(callback);
      },
      { once: true },
    );
  });
}

function goOn(person: Person): Promise<unknown> {
  return person.page.evaluate(() => window.dispatchEvent(new Event("go on")));
}

/** Return the number of rows, whether or not they are in sight. */
function rows(person: Person): Promise<string | undefined> {
  return person.page.evaluate(() => document.querySelector<HTMLElement>("[data-timeline] ol")?.dataset.count);
}

test("a burst, the last of it taller than the screen", async () => {
  const person = await Person.enter(browser, server.url, ann.email, { size: PHONE });
  await person.openConversation(/Ben/);
  await person.message(`Message ${NEWEST}`).waitFor();
  for (const text of BURST) await say(ben, id, text);
  await person.message("taller than").waitFor();
  await expect.poll(() => distanceFromEnd(person)).toBeLessThan(2);
  await expect.poll(() => person.messages.getByText("unread message").count()).toBe(0);
  await person.close();
});

test("a burst before the view stands still, under the unread line where it was opened", async () => {
  await say(ben, id, "Unread");
  const person = await Person.enter(browser, server.url, ann.email, { size: PHONE });
  await person.row(/1 unread/).waitFor();
  await holdFrames(person);
  await person.row(/Ben/).evaluate((row: HTMLElement) => row.click());
  const all = NEWEST + 1 + ["Unread", "the day", "the unread line"].length; // they may be loaded in parts
  await expect.poll(async () => Number(await rows(person))).toBeGreaterThanOrEqual(all);
  const before = Number(await rows(person));
  for (const text of BURST) await say(ben, id, text);
  await expect.poll(() => rows(person)).toBe(String(before + BURST.length));
  await goOn(person);
  await expect.poll(() => distanceFromEnd(person)).toBeLessThan(2);
  await person.close();
});

test("while the newest message is on its way into sight by the End key", async () => {
  const person = await Person.enter(browser, server.url, ann.email);
  await person.openConversation(/Ben/);
  await person.message(`Message ${NEWEST}`).waitFor();
  await person.composer.press("ArrowUp");
  await holdFrames(person);
  await person.page.keyboard.press("End");
  const before = await rows(person);
  await say(ben, id, "taller than a screen ".repeat(200));
  await expect.poll(() => rows(person)).not.toBe(before);
  await goOn(person);
  await expect.poll(() => distanceFromEnd(person)).toBeLessThan(2);
  await person.close();
});

test("a text that grows, a window that turns, a picture that does not load", async () => {
  await say(ben, id, "Newest");
  const person = await Person.enter(browser, server.url, ann.email, { size: PHONE });
  await person.openConversation(/Ben/);
  await person.message("Newest").waitFor();
  await person.composer.fill("line\n".repeat(6));
  await expect.poll(() => distanceFromEnd(person)).toBeLessThan(2);
  await resize(person, { width: PHONE.height, height: PHONE.width });
  await expect.poll(() => distanceFromEnd(person)).toBeLessThan(2);
  await person.composer.fill("");
  await resize(person, PHONE);
  await expect.poll(() => distanceFromEnd(person)).toBeLessThan(2);
  const attachment = `${server.url}/nowhere.png`;
  await call(server.url, "POST", `/api/conversations/${id}/messages`, { content: "Look", attachment }, ben.token);
  await person.page.getByRole("link", { name: "nowhere.png" }).waitFor();
  await expect.poll(() => distanceFromEnd(person)).toBeLessThan(2);
  await person.close();
});
