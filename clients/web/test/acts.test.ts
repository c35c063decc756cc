/** Acts on messages: edit, delete, react, reply; with the mouse, by keys, and on a phone. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Server } from "../../js/test/support/server";
import { faults } from "./support/accessibility";
import { type Account, account, call, direct, group, launch, Person, PHONE, say } from "./support/browser";

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

/** Two people with a conversation, in which the first has said "First", and the second "Second". */
async function talking(): Promise<{ ann: Account; ben: Account; id: string }> {
  count++;
  const [ann, ben] = await Promise.all([account(server.url, `Ann ${count}`), account(server.url, `Ben ${count}`)]);
  const id = await direct(ann, ben);
  await say(ann, id, "First");
  await say(ben, id, "Second");
  return { ann, ben, id };
}

async function enter(person: Account, partner: RegExp, phone = false): Promise<Person> {
  const entered = await Person.enter(browser, server.url, person.email, phone ? { size: PHONE } : {});
  await entered.openConversation(partner);
  await entered.message("Second").waitFor();
  return entered;
}

async function choose(person: Person, text: string, item: string): Promise<void> {
  await person.message(text).locator("[class*=bubble]").first().click({ button: "right" });
  await person.page.getByRole("menuitem", { name: item, exact: true }).click();
}

test("an edit by keys: ArrowUp takes the last own message, Enter saves it, Esc leaves it", async () => {
  const { ann, ben } = await talking();
  const [here, there] = [await enter(ann, /Ben/), await enter(ben, /Ann/)];
  const { keyboard } = here.page;
  await here.composer.press("ArrowUp");
  const field = here.page.getByRole("textbox", { name: "Edit message" });
  await expect.poll(() => field.inputValue()).toBe("First");
  await keyboard.press("Escape");
  await here.composer.waitFor();
  await here.composer.fill("A draft");
  await here.composer.fill("");
  await here.composer.press("ArrowUp");
  await field.fill("First, edited");
  await field.press("Enter");
  for (const person of [here, there])
    await person.message("First, edited").getByText("Edited", { exact: true }).waitFor();
  await expect.poll(() => here.composer.evaluate((area) => area === document.activeElement)).toBe(true);
  expect([...here.complaints, ...there.complaints]).toEqual([]);
});

test("a deletion for everyone can be undone, and is a tombstone for all when it was not", async () => {
  const { ann, ben } = await talking();
  const [here, there] = [await enter(ann, /Ben/), await enter(ben, /Ann/)];
  await choose(here, "First", "Delete for everyone");
  await here.message("This message was deleted").waitFor();
  await here.button("Undo").click();
  await here.message("First").waitFor();
  await choose(here, "First", "Delete for everyone");
  for (const person of [here, there]) await person.message("This message was deleted").waitFor();
  await there.message("First").waitFor({ state: "detached" });
});

test("a deletion for oneself takes it away on all own devices, and leaves it to others", async () => {
  const { ann, ben } = await talking();
  const [here, other] = [await enter(ann, /Ben/), await enter(ann, /Ben/)];
  const there = await enter(ben, /Ann/);
  await choose(here, "Second", "Delete for me");
  for (const person of [here, other]) await person.message("Second").waitFor({ state: "detached" });
  await there.message("Second").waitFor();
});

test("a reaction shows to all, is counted, and taken back", async () => {
  const { ann, ben } = await talking();
  const [here, there] = [await enter(ann, /Ben/), await enter(ben, /Ann/)];
  await here.message("Second").locator("[class*=bubble]").first().click({ button: "right" });
  await here.page.getByRole("menuitemcheckbox", { name: "👍" }).click();
  await there.message("Second").getByRole("button", { name: "👍 1" }).click();
  for (const person of [here, there]) await person.message("Second").getByRole("button", { name: "👍 2" }).waitFor();
  await here.message("Second").getByRole("button", { name: "👍 2" }).click();
  await there.message("Second").getByRole("button", { name: "👍 1" }).waitFor();
  expect(await faults(here.page)).toEqual([]);
});

test("any emoji can be chosen", async () => {
  const { ann } = await talking();
  const here = await enter(ann, /Ben/);
  await here.message("Second").locator("[class*=bubble]").first().click({ button: "right" });
  await here.page.getByRole("menuitem", { name: "Another emoji" }).click();
  const picker = here.overlay("dialog");
  await picker.getByRole("searchbox").fill("octopus");
  await picker.getByRole("gridcell", { name: "Octopus" }).click();
  await here.message("Second").getByRole("button", { name: "🐙 1" }).waitFor();
});

test("a reply quotes its message, follows its edit, and leads to it, however far it is", async () => {
  const { ann, ben, id } = await talking();
  const there = await enter(ben, /Ann/);
  await choose(there, "First", "Reply");
  await there.page.getByText(/^Reply to/).waitFor();
  await there.send("An answer");
  const quote = there.message("An answer").getByRole("button", { name: /First/ });
  await quote.waitFor();
  for (let number = 0; number < 120; number++) await say(ann, id, `Number ${number}`);
  await say(ben, id, "Last");
  await there.message("Last").waitFor();
  const here = await Person.enter(browser, server.url, ann.email);
  await here.openConversation(/Ben/);
  await here.message("Last").waitFor();
  await choose(here, "Last", "Reply");
  await here.send("Indeed");
  await here.message("Indeed").getByRole("button", { name: /Last/ }).click();
  await expect.poll(() => here.page.evaluate(() => document.activeElement?.textContent ?? "")).toContain("Last");
});

test("on a phone a tap opens the menu, and everything is large enough to hit", async () => {
  const { ann } = await talking();
  const here = await enter(ann, /Ben/, true);
  await here.message("Second").locator("[class*=bubble]").first().tap();
  await here.page.getByRole("menuitemcheckbox", { name: "😂" }).tap();
  await here.message("Second").getByRole("button", { name: "😂 1" }).waitFor();
  await here.message("First").locator("[class*=bubble]").first().tap();
  await here.page.getByRole("menuitem", { name: "Edit" }).tap();
  await here.page.getByRole("textbox", { name: "Edit message" }).fill("On the phone");
  await here.button("Save").tap();
  await here.message("On the phone").waitFor();
  expect(await faults(here.page)).toEqual([]);
});

test("a pinned message is shown to all above the others, leads to its place, and is unpinned", async () => {
  const { ann, ben, id } = await talking();
  for (let number = 0; number < 80; number++) await say(ann, id, `Number ${number}`);
  const here = await Person.enter(browser, server.url, ann.email);
  await here.openConversation(/Ben/);
  await here.message("Number 79").waitFor();
  await choose(here, "Number 79", "Pin");
  const there = await Person.enter(browser, server.url, ben.email);
  await there.openConversation(/Ann/);
  await there.message("Number 0").waitFor(); // the first that is unread
  const banner = there.button(/Pinned message/);
  await banner.click();
  await expect.poll(() => there.page.evaluate(() => document.activeElement?.textContent ?? "")).toContain("Number 79");
  await choose(here, "Number 79", "Unpin");
  await banner.waitFor({ state: "detached" });
  expect(await faults(here.page)).toEqual([]);
});

test("a starred message is found again, from any place", async () => {
  const { ann } = await talking();
  const here = await enter(ann, /Ben/);
  await choose(here, "Second", "Star");
  await here.message("Second").getByRole("img", { name: "Starred" }).waitFor();
  await here.page.keyboard.press("Escape");
  await here.choose("Menu", "Starred messages");
  await here
    .overlay("dialog")
    .getByRole("button", { name: /Second/ })
    .click();
  await expect.poll(() => here.page.evaluate(() => document.activeElement?.textContent ?? "")).toContain("Second");
});

test("a chat is muted, pinned, archived and marked as unread, on all own devices", async () => {
  const { ann, ben, id } = await talking();
  const [here, other] = [await enter(ann, /Ben/), await Person.enter(browser, server.url, ann.email)];
  await other.isLive();
  await here.choose("More", "Mute");
  await here.choose("More", "Pin chat");
  await here.choose("More", "Mark as unread");
  for (const state of ["Muted", "Pinned"]) await other.row(/Ben/).getByRole("img", { name: state }).waitFor();
  await other.row(/Ben/).getByText("Marked as unread").waitFor({ state: "attached" });
  await here.choose("More", "Unmute");
  await other.row(/Ben/).getByRole("img", { name: "Muted" }).waitFor({ state: "detached" });
  await here.choose("More", "Archive");
  await other.row(/Ben/).waitFor({ state: "detached" });
  await other.button("Archived (1)").click();
  await other.row(/Ben/).waitFor();
  await say(ben, id, "A new one");
  await other.button("Archived (1)").waitFor({ state: "detached" });
  await other.row(/Ben/).getByText("A new one").waitFor();
});

test("the list says what a last message without text is, and shows settings at once, without a connection", async () => {
  const { ann, ben, id } = await talking();
  const here = await enter(ann, /Ben/);
  for (const [file, name] of [
    ["walk.mp4", "Video"],
    ["note.ogg", "Voice message"],
    ["plan.pdf", "Document"],
    ["peak.jpg", "Picture"],
  ]) {
    const body = { attachment: `https://files.example/${file}` };
    await call(server.url, "POST", `/api/conversations/${id}/messages`, body, ben.token);
    await here.row(/Ben/).getByText(name!).waitFor();
    await here.row(/Ben/).locator("[class*=kind] svg").waitFor();
  }
  await here.choose("More", "Pin chat"); // loads the menu
  await here.context.setOffline(true);
  await here.choose("More", "Mute");
  await here.row(/Ben/).getByRole("img", { name: "Muted" }).waitFor();
  await here.context.setOffline(false);
  const other = await Person.enter(browser, server.url, ann.email);
  await other.row(/Ben/).getByRole("img", { name: "Muted" }).waitFor();
});

test("a message is forwarded to a chat that is chosen, and says that it was", async () => {
  const { ann, ben } = await talking();
  const cid = await account(server.url, `Cid ${count}`);
  await say(cid, await direct(cid, ann), "Hello");
  const here = await enter(ann, /Ben/);
  await choose(here, "Second", "Forward");
  const dialog = here.overlay("dialog");
  await dialog.getByRole("searchbox").fill("cid");
  await dialog.getByRole("button", { name: /Cid/ }).click();
  await dialog.getByRole("button", { name: "Forward" }).click();
  const there = await Person.enter(browser, server.url, cid.email);
  await there.openConversation(/Ann/);
  await there.message("Second").getByText("Forwarded").waitFor();
  expect(await there.message("Second").getByText(ben.name).count()).toBe(0);
});

test("members are mentioned by keys and with a tap, and see it", async () => {
  count++;
  const names = [`Ann ${count}`, `Ben ${count}`, `Cid ${count}`];
  const [ann, ben, cid] = (await Promise.all(names.map((name) => account(server.url, name)))) as [
    Account,
    Account,
    Account,
  ];
  const id = await group(ann, "Crew", ben, cid);
  await say(ben, id, "Second");
  const here = await enter(ann, /Crew/);
  await here.composer.pressSequentially("Hi @be");
  await here.page.getByRole("option", { name: ben.name }).waitFor();
  await here.composer.press("Enter");
  await expect.poll(() => here.composer.inputValue()).toBe(`Hi @${ben.name} `);
  await here.composer.pressSequentially("and @ci");
  await here.page.getByRole("option", { name: cid.name }).click();
  await here.composer.press("Enter");
  await here.message(`Hi @${ben.name} and @${cid.name}`).waitFor();
  await here.composer.press("ArrowUp");
  await here.page.getByRole("textbox", { name: "Edit message" }).press("End");
  await here.page.keyboard.type("!");
  await here.page.keyboard.press("Enter");
  await here.message(`and @${cid.name}!`).waitFor();
  const there = await Person.enter(browser, server.url, ben.email);
  await there.row(/Crew/).getByText("You are mentioned").waitFor({ state: "attached" });
  await there.openConversation(/Crew/);
  const own = there.message(/^.*Hi/).locator("[data-own=true]");
  await expect.poll(() => own.textContent()).toBe(`@${ben.name}`);
  expect(await faults(here.page)).toEqual([]);
});
