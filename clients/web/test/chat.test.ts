/** Two people chat, as people do: one at a desktop, one with a phone. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Server } from "../../js/test/support/server";
import { type Account, account, call, direct, launch, Person, PHONE, say } from "./support/browser";
import { storedKeys } from "./support/storage";

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

interface Pair {
  ann: Account;
  ben: Account;
  id: string;
}
let pair: Pair;

/** Two people of their own for each test, with a conversation. */
beforeEach(async () => {
  count++;
  const [ann, ben] = await Promise.all([account(server.url, `Ann ${count}`), account(server.url, `Ben ${count}`)]);
  pair = { ann, ben, id: await direct(ann, ben) };
});

/** Ann at her desktop and Ben with his phone, both in the conversation. */
async function together(): Promise<{ ann: Person; ben: Person }> {
  const [ann, ben] = await Promise.all([
    Person.enter(browser, server.url, pair.ann.email),
    Person.enter(browser, server.url, pair.ben.email, { size: PHONE }),
  ]);
  await Promise.all([ann.openConversation(/Ben/), ben.openConversation(/Ann/)]);
  return { ann, ben };
}

async function part(...people: Person[]): Promise<void> {
  for (const person of people) expect(person.complaints).toEqual([]);
  await Promise.all(people.map((person) => person.close()));
}

test("somebody new registers, finds a contact and writes to them", async () => {
  const newcomer = await Person.open(browser, server.url, { size: PHONE });
  await newcomer.page.getByRole("link", { name: "Create an account" }).click();
  await newcomer.page.getByLabel("Name").fill("Nora");
  await newcomer.page.getByLabel("E-mail").fill(`nora${count}@test.com`);
  await newcomer.page.getByLabel("Password", { exact: true }).fill("a long secret");
  await newcomer.button("Create the account").click();
  await newcomer.button("Choose a contact").click();
  await newcomer.page.getByRole("searchbox", { name: "Search a name or e-mail" }).fill(pair.ben.email);
  await newcomer.button(new RegExp(pair.ben.name)).click();
  await newcomer.send("Hello from Nora");
  const ben = await Person.enter(browser, server.url, pair.ben.email);
  await ben.openConversation(/Nora/);
  await ben.message("Hello from Nora").waitFor();
  await part(newcomer, ben);
});

test("messages come at once, with ticks for sent, delivered and read", async () => {
  const ann = await Person.enter(browser, server.url, pair.ann.email);
  await ann.openConversation(/Ben/);
  await ann.send("Are you there?");
  await ann.reached("Are you there?", "Sent");
  const ben = await Person.enter(browser, server.url, pair.ben.email, { size: PHONE });
  await ann.reached("Are you there?", "Delivered");
  await ben.row(/Ann.*1 unread message/).waitFor();
  await ben.openConversation(/Ann/);
  await ann.reached("Are you there?", "Read");
  await ben.send("Here I am");
  await ann.message("Here I am").waitFor();
  await ben.reached("Here I am", "Read");
  await part(ann, ben);
});

test("the others see who types, and who is online", async () => {
  const { ann, ben } = await together();
  const header = ann.page.getByRole("link", { name: /show info/ });
  await header.getByText("online").waitFor();
  await ben.composer.pressSequentially("Hm");
  await Promise.all([header.getByText("typing").waitFor(), ann.row(/typing…/).waitFor()]); // until a pause of seconds
  await ben.composer.fill("");
  await header.getByText("online").waitFor();
  await ben.close();
  await header.getByText("last seen today").waitFor();
  await part(ann);
});

test("what is unread is counted, and marked in the conversation until it was answered", async () => {
  const ann = await Person.enter(browser, server.url, pair.ann.email);
  await ann.row(/Ben/).waitFor();
  for (const text of ["one", "two", "three"]) await say(pair.ben, pair.id, text);
  await ann.row(/3 unread messages/).waitFor();
  await expect.poll(() => ann.page.title()).toBe("(3) chatapp");
  await ann.openConversation(/Ben/);
  await ann.messages.getByText("3 unread messages").waitFor();
  await ann.row(/Ben/).getByText("unread").waitFor({ state: "detached" });
  await expect.poll(() => ann.page.title()).toBe(`${pair.ben.name} · chatapp`);
  await ann.send("four");
  await ann.messages.getByText("3 unread messages").waitFor({ state: "detached" });
  await part(ann);
});

test("Shift+Enter makes a new line on a desktop; on a phone Enter does, and a button sends", async () => {
  const { ann, ben } = await together();
  await ann.composer.pressSequentially("first");
  await ann.composer.press("Shift+Enter");
  await ann.composer.pressSequentially("second");
  await ann.composer.press("Enter");
  const shown = ben.message("first").getByText("first\nsecond");
  expect(await shown.evaluate((element) => getComputedStyle(element).whiteSpace)).toBe("pre-wrap");
  await ben.composer.pressSequentially("left");
  await ben.composer.press("Enter");
  await ben.composer.pressSequentially("right");
  await ben.button("Send").click();
  await ann.message("left").getByText("left\nright").waitFor();
  await part(ann, ben);
});

test("text is never HTML; links open elsewhere, without telling from where", async () => {
  const { ann, ben } = await together();
  const nasty = '<img src=x onerror="document.title=1"><b>bold</b> javascript:alert(1)';
  await ann.send(nasty);
  await ann.send("See https://example.com/a_(b)?c=d#e, example.org or mail x@example.com.");
  const links = ben.message("See").getByRole("link");
  await links.first().waitFor();
  expect(await links.evaluateAll((all) => all.map((link) => link.getAttribute("href")))).toEqual([
    "https://example.com/a_(b)?c=d#e",
    "https://example.org",
    "mailto:x@example.com",
  ]);
  expect(await links.first().getAttribute("rel")).toContain("noopener");
  expect(await ben.message(nasty).locator("img, b, a").count(), "where links are found by now").toBe(0);
  await part(ann, ben);
});

test("text from right to left, emoji alone, and long texts are shown as they should be", async () => {
  const { ann, ben } = await together();
  await ann.send("שלום, מה שלומך?");
  await ann.send("👩‍👩‍👧 🎉");
  await ann.send(`${"word ".repeat(1000)}end`);
  const direction = (text: string) =>
    ben
      .message(text)
      .locator("p")
      .first()
      .evaluate((element) => getComputedStyle(element).direction);
  await ben.message("end").or(ben.button("Read more")).first().waitFor();
  expect(await direction("שלום")).toBe("rtl");
  const size = await ben
    .message("🎉")
    .locator("p")
    .evaluate((element) => Number.parseFloat(getComputedStyle(element).fontSize));
  expect(size).toBeGreaterThan(25);
  await ben.button("Read more").click();
  await ben.message(/word end/).waitFor();
  await ben.button("Show less").waitFor();
  await part(ann, ben);
});

test("too long a text is not sent, and says by how much", async () => {
  const { ann, ben } = await together();
  await ann.composer.fill("x".repeat(10_002));
  await ann.page.getByText("Too long by 2 characters.").waitFor();
  expect(await ann.button("Send").isDisabled()).toBe(true);
  await part(ann, ben);
});

test("an emoji is chosen by its name, with keys alone", async () => {
  const { ann, ben } = await together();
  await ann.composer.fill("Well done ");
  await ann.button("Emoji").click();
  await ann.page.getByRole("searchbox", { name: "Search emoji" }).fill("party popper");
  await ann.page.getByRole("gridcell", { name: "Party popper" }).and(ann.page.locator("[data-active=true]")).waitFor();
  await ann.page.keyboard.press("Enter");
  await expect.poll(() => ann.composer.inputValue()).toBe("Well done 🎉");
  await ann.composer.press("Enter");
  await ben.message("Well done 🎉").waitFor();
  await part(ann, ben);
});

test("what was begun to be written is kept for each conversation, also over a reload", async () => {
  const cid = await account(server.url, `Cid ${count}`);
  await direct(pair.ann, cid);
  const ann = await Person.enter(browser, server.url, pair.ann.email);
  await ann.openConversation(/Ben/);
  await ann.composer.fill("Not yet sent");
  await ann.openConversation(/Cid/);
  await expect.poll(() => ann.composer.inputValue()).toBe("");
  await ann.row(/Draft: Not yet sent/).waitFor();
  await expect.poll(() => storedKeys(ann.page)).toContainEqual(expect.stringContaining(`/r/d/${pair.id}`));
  await ann.page.reload();
  await ann.openConversation(/Ben/);
  await expect.poll(() => ann.composer.inputValue()).toBe("Not yet sent");
  await part(ann);
});

test("one's other device shows the same, and reading on one is reading on both", async () => {
  const { ann, ben } = await together();
  const phone = await Person.enter(browser, server.url, pair.ann.email, { size: PHONE });
  await ann.send("Sent from the desktop");
  await phone.row(/Sent from the desktop/).waitFor();
  await say(pair.ben, pair.id, "Seen where?");
  await ann.message("Seen where?").waitFor();
  await phone.row(/Seen where\?/).waitFor();
  await phone.row(/Ben/).getByText("unread").waitFor({ state: "detached" });
  await part(ann, ben, phone);
});

test("a deleted conversation is away, and comes back with the next message", async () => {
  await say(pair.ben, pair.id, "Forget this");
  const ann = await Person.enter(browser, server.url, pair.ann.email);
  await ann.openConversation(/Ben/);
  await ann.choose("More", "Delete chat");
  await ann.confirm("Delete chat");
  await ann.page.getByText("It is quiet here").waitFor();
  await say(pair.ben, pair.id, "I am still here");
  await ann.openConversation(/Ben/);
  await ann.message("I am still here").waitFor();
  expect(await ann.message("Forget this").count()).toBe(0);
  await part(ann);
});

test("a message that was read says by whom and when", async () => {
  const { ann, ben } = await together();
  await ann.send("Read this");
  await ann.reached("Read this", "Read");
  await ann.message("Read this").getByText("Read this").click({ button: "right" });
  await ann.page.getByRole("menuitem", { name: "Who has read it" }).click();
  await ann.page.getByRole("region", { name: "Read by" }).getByText(pair.ben.name).waitFor();
  await part(ann, ben);
});

test("an address of something that is not there says so, and leads back", async () => {
  const ann = await Person.enter(browser, server.url, pair.ann.email);
  await ann.page.goto(`${server.url}/app/chats/${"f".repeat(24)}`);
  await ann.page.getByText("This conversation is not there").waitFor();
  await ann.button("To your conversations").click();
  await ann.page.getByText("Your messages").waitFor();
  await part(ann);
});

test("the API's answers about tokens stay with this origin: nothing of them is in cookies or the address", async () => {
  const ann = await Person.enter(browser, server.url, pair.ann.email);
  expect(await ann.context.cookies()).toEqual([]);
  expect(ann.page.url()).not.toContain("token");
  const { data } = await call(server.url, "GET", "/api/auth/sessions", undefined, pair.ann.token);
  expect(data.map((session: { deviceName: string }) => session.deviceName)).toContain("Chrome on Linux");
  await part(ann);
});
