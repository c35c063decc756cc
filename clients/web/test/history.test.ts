/** Long conversations: loading upward without a jump, the unread line, the way to the newest, and few elements. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Server } from "../../js/test/support/server";
import { type Account, account, call, direct, launch, Person, PHONE, say } from "./support/browser";
import { distanceFromEnd, restingPlace } from "./support/timeline";

let browser: Browser;
let server: Server;
let ann: Account;
let ben: Account;
let id: string;
const MESSAGES = 600;
const AT_ONCE = 50;
const TURN = 180;
const TURNS = 100;

async function fill(): Promise<void> {
  const tell = (number: number) => say(ben, id, `Message ${number} ${"and so on ".repeat((number * 7) % 23)}`);
  for (let first = 1; first < MESSAGES; first += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, MESSAGES - first) }, (_, index) => tell(first + index)));
  }
  await tell(MESSAGES);
  await call(server.url, "POST", `/api/conversations/${id}/read`, {}, ann.token);
}

beforeAll(async () => {
  [browser, server] = await Promise.all([launch(), Server.start()]);
  [ann, ben] = await Promise.all([account(server.url, "Ann"), account(server.url, "Ben")]);
  id = await direct(ann, ben);
  await fill();
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

const scroller = "[data-timeline]";

/** As somebody does it who turns the wheel: the view gives way to nothing else. */
async function scroll(person: Person, by: number): Promise<void> {
  await person.page.mouse.move(person.size.width - 100, person.size.height / 2);
  await person.page.mouse.wheel(0, by);
}

interface Watched {
  jump: number | null;
  rows: string | undefined;
}

/**
 * Turns the wheel once, and looks with each frame where the row in the middle is: where it was, or by one turn further
 * down; anywhere else is a jump. Tells also how many rows there are by then.
 */
async function turnWheel(person: Person): Promise<Watched> {
  const watching = await person.page.evaluateHandle(
    ([selector, turn]) => {
      const element = document.querySelector(selector) as HTMLElement;
      const list = element.querySelector("ol") as HTMLElement;
      const { top, height } = element.getBoundingClientRect();
      const rows = [...element.querySelectorAll<HTMLElement>("li[data-kind=message]")];
      const row = rows.find((one) => one.getBoundingClientRect().bottom > top + height / 2) as HTMLElement;
      const start = row.getBoundingClientRect().top;
      const frame = () => new Promise((done) => requestAnimationFrame(done));
      const roomToTurn = async () => {
        while (element.scrollTop < turn && row.isConnected) await frame();
      };
      const watch = async (): Promise<Watched> => {
        let moved = 0;
        while (moved < turn - 1) {
          await frame();
          moved = row.getBoundingClientRect().top - start;
          const isJump = !row.isConnected || (Math.abs(moved) > 1 && Math.abs(moved - turn) > 1);
          if (isJump) return { jump: moved, rows: list.dataset.count };
        }
        return { jump: null, rows: list.dataset.count };
      };
      return { room: roomToTurn(), result: watch() };
    },
    [scroller, TURN] as const,
  );
  await watching.evaluate(({ room }) => room); // older ones may still be on their way
  await person.page.mouse.wheel(0, -TURN);
  return watching.evaluate(({ result }) => result);
}

test.each([
  ["desktop", undefined],
  ["phone", PHONE],
])("scrolling up loads older messages, and nothing that is in sight jumps (%s)", async (_, size) => {
  const person = await Person.enter(browser, server.url, ann.email, size ? { size } : {});
  await person.openConversation(/Ben/);
  await person.message(`Message ${MESSAGES} `).waitFor();
  await person.page.mouse.move(person.size.width - 100, person.size.height / 2);
  const counts = new Set<string | undefined>();
  for (let turn = 1; turn <= TURNS; turn++) {
    const watched = await turnWheel(person);
    expect(watched.jump, `turn ${turn}`).toBeNull();
    counts.add(watched.rows);
  }
  expect(counts.size, "pages that came").toBeGreaterThan(2);
  expect(await restingPlace(person)).toMatch(/Message [1-4]\d\d /);
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
  const seen = await restingPlace(person);
  await say(ben, id, "Brand new");
  await person.button("To the newest message, 1 unread message").waitFor();
  expect(await restingPlace(person)).toEqual(seen);
  await jump.click();
  await person.message("Brand new").waitFor();
  await jump.waitFor({ state: "detached" });
  await person.row(/Ben/).getByText("unread").waitFor({ state: "detached" });
  await person.close();
});

test("at the end, new messages come into sight by themselves, also above a growing text", async () => {
  await say(ben, id, "The newest");
  const person = await Person.enter(browser, server.url, ann.email, { size: PHONE });
  await person.openConversation(/Ben/);
  await person.message("The newest").waitFor();
  for (const text of ["one more", "and one more", "and a long one ".repeat(40)]) await say(ben, id, text);
  await person.message("and a long one").waitFor();
  await expect.poll(() => distanceFromEnd(person)).toBeLessThan(2);
  await person.composer.fill("line\n".repeat(6));
  await expect.poll(() => distanceFromEnd(person)).toBeLessThan(2);
  await person.close();
});
