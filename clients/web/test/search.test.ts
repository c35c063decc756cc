/** One box finds conversations, people and messages; a message leads to its place, and the way back to the others. */
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Server } from "../../js/test/support/server";
import { faults } from "./support/accessibility";
import { type Account, account, call, DESKTOP, direct, group, launch, Person, PHONE, say } from "./support/browser";
import { SCREENSHOTS } from "./support/setup";

let browser: Browser;
let server: Server;
let count = 0;

beforeAll(async () => {
  [browser, server] = await Promise.all([launch(), Server.start()]);
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

interface World {
  readonly ann: Account;
  readonly ben: Account;
  readonly direct: string;
  readonly group: string;
}

/** Ann and Ben with an old message about a lighthouse below a hundred others, and a group that speaks of it too. */
async function talking(): Promise<World> {
  count++;
  const names = ["Ann", "Ben", "Cid"].map((name) => `${name} ${count}`);
  const [ann, ben, cid] = (await Promise.all(names.map((name) => account(server.url, name)))) as [
    Account,
    Account,
    Account,
  ];
  const id = await direct(ann, ben);
  await say(ben, id, "The way to the Lighthouse is long, and the café there closes at five");
  for (let number = 0; number < 120; number++) await say(number % 2 ? ann : ben, id, `Number ${number}`);
  const crew = await group(ann, `Lighthouse crew ${count}`, ben, cid);
  await say(cid, crew, "We have painted all evening, and now the lighthouses of the whole coast are white again");
  await say(ann, crew, "A picture of the lighthouse");
  const attachment = { content: "lighthouse at night", attachment: "https://files.example/night.jpg" };
  await call(server.url, "POST", `/api/conversations/${crew}/messages`, attachment, ben.token);
  return { ann, ben, direct: id, group: crew };
}

const field = ({ page }: Person) => page.getByRole("searchbox", { name: "Search", exact: true });
const found = ({ page }: Person) => page.getByRole("region", { name: "Messages found" }).getByRole("listitem");
const focused = ({ page }: Person) => page.evaluate(() => document.activeElement?.textContent ?? "");

test("a message is found beside conversations and people, and leads to its place, and back", async () => {
  const { ann, ben } = await talking();
  const here = await Person.enter(browser, server.url, ann.email);
  await field(here).fill("lighth");
  await expect.poll(() => found(here).count()).toBe(4);
  const region = here.page.getByRole("region", { name: "Conversations found" });
  await region.getByRole("link", { name: /Lighthouse crew/ }).waitFor();
  expect(await found(here).locator("mark").allTextContents()).toEqual([
    "lighthouse",
    "lighthouse",
    "lighthouses",
    "Lighthouse",
  ]);
  const old = found(here).filter({ hasText: ben.name });
  await old.filter({ hasText: "long" }).getByRole("button").click();
  const target = here.message("The way to the Lighthouse");
  await target.waitFor();
  await here.page.locator("li[data-flash]", { hasText: "The way to the Lighthouse" }).waitFor();
  await expect.poll(() => focused(here)).toContain("The way to the Lighthouse");
  await here.message("Number 0").waitFor();
  expect(await found(here).count()).toBe(4);
  await found(here).locator("[aria-current=true]", { hasText: "The way to" }).waitFor();
  expect(await faults(here.page)).toEqual([]);
  await here.page.keyboard.press("Control+k");
  await expect.poll(() => field(here).evaluate((input) => input === document.activeElement)).toBe(true);
  await here.page.keyboard.press("Escape");
  await here.row(/^Ben/).waitFor();
  expect(here.complaints).toEqual([]);
});

test("keys lead through what was found", async () => {
  const { ann } = await talking();
  const here = await Person.enter(browser, server.url, ann.email);
  const { keyboard } = here.page;
  await field(here).fill("painted even");
  await expect.poll(() => found(here).count()).toBe(1);
  await field(here).press("ArrowDown");
  await expect.poll(() => focused(here)).toContain("painted");
  await keyboard.press("ArrowUp");
  await expect.poll(() => field(here).evaluate((input) => input === document.activeElement)).toBe(true);
  await keyboard.press("ArrowDown");
  await keyboard.press("Escape");
  await expect.poll(() => field(here).evaluate((input) => input === document.activeElement)).toBe(true);
  await keyboard.press("Enter");
  await here.message("We have painted").waitFor();
  await expect.poll(() => focused(here)).toContain("We have painted");
});

test("within one chat, from somebody, of a kind; and nothing", async () => {
  const { ann } = await talking();
  const here = await Person.enter(browser, server.url, ann.email);
  await here.openConversation(/Lighthouse crew/);
  await here.message("A picture").waitFor();
  await here.choose("More", "Search in this chat");
  await expect.poll(() => field(here).evaluate((input) => input === document.activeElement)).toBe(true);
  await here.page.keyboard.type("lighthouse");
  await expect.poll(() => found(here).count()).toBe(3);
  await here.page.getByLabel("Sender").selectOption({ label: "From you" });
  await expect.poll(() => found(here).allTextContents()).toEqual([expect.stringContaining("A picture")]);
  await here.page.getByLabel("Sender").selectOption({ label: "From anyone" });
  await here.page.getByLabel("Kind of message").selectOption({ label: "Pictures" });
  await expect.poll(() => found(here).allTextContents()).toEqual([expect.stringContaining("at night")]);
  await field(here).fill("nowhere");
  await here.page.getByText("Nothing found").waitFor();
  expect(await faults(here.page)).toEqual([]);
  await field(here).fill("!!");
  await here.page.getByText("Nothing found").waitFor();
  await here.button(/Search in Lighthouse crew/).click();
  await here.page.getByLabel("Kind of message").selectOption({ label: "All kinds" });
  await field(here).fill("lighthouse");
  await expect.poll(() => found(here).count()).toBe(4);
});

test("without a connection the search says so, and finds conversations still", async () => {
  const { ann } = await talking();
  const here = await Person.enter(browser, server.url, ann.email);
  await field(here).fill("lighthouse");
  await expect.poll(() => found(here).count()).toBe(4);
  await here.context.setOffline(true);
  await here.banner.getByText("You are offline.").waitFor();
  await field(here).fill("crew");
  await here.page.getByText("Messages can't be searched now").waitFor();
  await here.page.getByRole("region", { name: "Conversations found" }).getByRole("link").waitFor();
  await here.context.setOffline(false);
  await here.isLive();
  await field(here).fill("lighthouse");
  await expect.poll(() => found(here).count()).toBe(4);
});

describe.each([
  ["phone", PHONE],
  ["desktop", DESKTOP],
] as const)("%s", (device, size) => {
  test.each(["light", "dark"] as const)("%s: the screens of the search", async (theme) => {
    const { ann, ben } = await talking();
    const look = { size, theme };
    const here = await Person.enter(browser, server.url, ann.email, look);
    const shoot = async (screen: string) => {
      await here.page.screenshot({ path: join(SCREENSHOTS, `${screen}-${device}-${theme}.png`) });
      expect.soft(await faults(here.page), `${screen} ${device} ${theme}`).toEqual([]);
    };
    await field(here).fill("lighthouse");
    await expect.poll(() => found(here).count()).toBe(4);
    await here.page.getByText("Searching people…").waitFor({ state: "detached" });
    await shoot("search-found");
    await found(here).filter({ hasText: "long" }).getByRole("button").click();
    await here.page.locator("li[data-flash]").waitFor();
    await shoot("search-jumped");
    if (device === "phone") await here.button("Back to the list").click();
    await found(here).filter({ hasText: "long" }).waitFor();
    await shoot("search-back");
    await field(here).fill("");
    await here.row(new RegExp(`^${ben.name}`)).click();
    await here.page.getByRole("textbox", { name: `Message to ${ben.name}` }).waitFor();
    await here.choose("More", "Search in this chat");
    await here.page.getByText("Type what you are looking for.").waitFor();
    await shoot("search-inside-empty");
    await field(here).fill("number 11");
    await expect.poll(() => found(here).count()).toBe(11);
    await shoot("search-inside");
    await field(here).fill("nowhere");
    await here.page.getByText("Nothing found").waitFor();
    await shoot("search-nothing");
    expect(here.complaints).toEqual([]);
  });
});
