/** Long conversations: loading upward without a jump, the unread line, the way to the newest, and few elements. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Server } from "../../js/test/support/server";
import { type Account, account, direct, launch, Person, PHONE, say } from "./support/browser";

let browser: Browser;
let server: Server;
let ann: Account;
let ben: Account;
let id: string;
const MESSAGES = 10_000;

/** Through the server's own services: everything goes through the log, and nobody has to be asked 10,000 times. */
const FILL = (sender: string, conversation: string) => `
from gevent import monkey; monkey.patch_all()
from bson import ObjectId
from chatapp import create_app, limits
from chatapp.services import messages
app = create_app()
with app.app_context(), limits.suspended():
    for number in range(1, ${MESSAGES} + 1):
        text = f"Message {number} " + "and so on " * (number * 7 % 23)
        messages.send(ObjectId("${sender}"), "${conversation}", text, client_msg_id=f"fill-{number}")
`;

beforeAll(async () => {
  [browser, server] = await Promise.all([launch(), Server.start()]);
  [ann, ben] = await Promise.all([account(server.url, "Ann"), account(server.url, "Ben")]);
  id = await direct(ann, ben);
  await server.end();
  await server.python(FILL(ben.id, id));
  await server.start();
}, 240_000);

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

const scroller = "[data-timeline]";

interface Seen {
  text: string;
  top: number;
}

/** The topmost message that is wholly in sight. */
function topmost(person: Person): Promise<Seen> {
  return person.page.evaluate((selector) => {
    const box = (document.querySelector(selector) as HTMLElement).getBoundingClientRect();
    const rows = [...document.querySelectorAll<HTMLElement>(`${selector} li[data-kind=message]`)];
    const first = rows.find((row) => row.getBoundingClientRect().top >= box.top) as HTMLElement;
    return { text: first.textContent ?? "", top: first.getBoundingClientRect().top };
  }, scroller);
}

function scroll(person: Person, by: number): Promise<void> {
  return person.page.evaluate(
    ([selector, pixels]) => {
      (document.querySelector(selector) as HTMLElement).scrollTop += pixels;
    },
    [scroller, by] as const,
  );
}

/**
 * Scrolls up a little with each frame, and looks whether what was in sight has moved by just that. Gives how many
 * pages came meanwhile, where it has come to, and every jump.
 */
function scrollUp(person: Person, frames: number, step: number) {
  return person.page.evaluate(
    async ([selector, count, pixels]) => {
      const element = document.querySelector(selector) as HTMLElement;
      const list = element.querySelector("ol") as HTMLElement;
      const frame = () => new Promise((done) => requestAnimationFrame(done));
      const middle = () => {
        const { top, height } = element.getBoundingClientRect();
        const rows = [...element.querySelectorAll<HTMLElement>("li[data-kind=message]")];
        return rows.find((row) => row.getBoundingClientRect().bottom > top + height / 2) as HTMLElement;
      };
      const jumps: string[] = [];
      let pages = 0;
      for (let index = 0; index < count; index++) {
        const before = { row: middle(), drawn: Number(list.dataset.count), offset: element.scrollTop };
        const top = before.row.getBoundingClientRect().top;
        element.scrollTop -= pixels;
        const moved = before.offset - element.scrollTop;
        await frame();
        await frame();
        if (Number(list.dataset.count) > before.drawn) pages++;
        const off = before.row.getBoundingClientRect().top - top - moved;
        if (before.row.isConnected && Math.abs(off) > 2) jumps.push(`frame ${index}: ${off} px`);
      }
      return { pages, jumps, reached: middle().textContent ?? "" };
    },
    [scroller, frames, step] as const,
  );
}

test.each([
  ["desktop", undefined],
  ["phone", PHONE],
])("scrolling up loads older messages, and nothing that is in sight jumps (%s)", async (_, size) => {
  const person = await Person.enter(browser, server.url, ann.email, size ? { size } : {});
  await person.openConversation(/Ben/);
  await person.message(`Message ${MESSAGES} `).waitFor();
  const { pages, jumps, reached } = await scrollUp(person, 150, 180);
  expect(jumps).toEqual([]);
  expect(pages).toBeGreaterThan(3);
  expect(reached).toMatch(/Message 9[5-8]/);
  expect(await person.page.locator(`${scroller} li`).count()).toBeLessThan(80);
  await person.button(/^To the newest message/).click();
  await person.message(`Message ${MESSAGES} `).waitFor();
  expect(person.complaints).toEqual([]);
  await person.close();
});

test("a message that comes while one reads further up moves nothing, is counted, and one click away", async () => {
  const person = await Person.enter(browser, server.url, ann.email);
  await person.openConversation(/Ben/);
  await person.message(`Message ${MESSAGES} `).waitFor();
  await scroll(person, -1500);
  const jump = person.button(/^To the newest message/);
  await jump.waitFor();
  const seen = await topmost(person);
  await say(ben, id, "Brand new");
  await person.button("To the newest message, 1 unread message").waitFor();
  expect(await topmost(person)).toEqual(seen);
  await jump.click();
  await person.message("Brand new").waitFor();
  await jump.waitFor({ state: "detached" });
  await person.row(/Ben/).getByText("unread").waitFor({ state: "detached" });
  await person.close();
});

test("at the end, new messages come into sight by themselves, also above a growing text", async () => {
  const person = await Person.enter(browser, server.url, ann.email, { size: PHONE });
  await person.openConversation(/Ben/);
  await person.message("Brand new").waitFor();
  const isAtEnd = () =>
    person.page.evaluate((selector) => {
      const element = document.querySelector(selector) as HTMLElement;
      return element.scrollHeight - element.scrollTop - element.clientHeight < 2;
    }, scroller);
  for (const text of ["one more", "and one more", "and a long one ".repeat(40)]) await say(ben, id, text);
  await person.message("and a long one").waitFor();
  await expect.poll(isAtEnd).toBe(true);
  await person.composer.fill("line\n".repeat(6));
  await expect.poll(isAtEnd).toBe(true);
  await person.close();
});
