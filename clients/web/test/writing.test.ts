/** Texts as they are written and shown: input methods, long texts, drafts in two tabs, names and links of any kind. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Server } from "../../js/test/support/server";
import { type Account, account, call, direct, group, launch, Person, PHONE, say } from "./support/browser";

let browser: Browser;
let server: Server;
let count = 0;
let ann: Account;
let ben: Account;
let id: string;

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

function hasFocus(page: Page): Promise<string> {
  return page.evaluate(
    () => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.tagName ?? "",
  );
}

/** Return the address as the page itself has it: the browser tells of it later. */
function address(page: Page): Promise<string> {
  return page.evaluate(() => window.location.pathname);
}

test("the Enter that ends the composition of an input method sends nothing, in Safari either", async () => {
  const person = await Person.enter(browser, server.url, ann.email);
  await person.openConversation(/Ben/);
  await person.composer.fill("にほん");
  await person.composer.evaluate((area) => {
    const options = { key: "Enter", keyCode: 229, bubbles: true, cancelable: true };
    area.dispatchEvent(new KeyboardEvent("keydown", options)); // as Safari tells it, after compositionend
  });
  expect(await person.composer.inputValue()).toBe("にほん");
  await person.composer.press("Enter");
  await person.message("にほん").waitFor();
  expect(await person.message("にほん").count()).toBe(1);
  await person.close();
});

test("arrows and Esc within a text stay within it; leaving takes a second Esc", async () => {
  const cid = await account(server.url, `Cid ${count}`);
  await say(cid, await direct(cid, ann), "Hello");
  const person = await Person.enter(browser, server.url, ann.email);
  await person.openConversation(/Ben/);
  await person.composer.fill("one\ntwo\nthree");
  await person.composer.press("Alt+ArrowUp");
  await person.composer.press("Alt+ArrowDown");
  expect(await address(person.page)).toContain(id);
  await person.composer.press("Escape");
  expect(await address(person.page)).toContain(id);
  expect(await person.composer.inputValue()).toBe("one\ntwo\nthree");
  await person.page.keyboard.press("Escape");
  await person.page.getByText("Your messages").waitFor();
  await person.close();
});

test("the focus never falls to the page: it goes back to where it was when a panel or dialog is closed", async () => {
  const person = await Person.enter(browser, server.url, ann.email);
  const { page } = person;
  await person.openConversation(/Ben/);
  await person.button("New chat").first().click();
  await page.getByRole("searchbox", { name: "Search a name or e-mail" }).waitFor();
  await page.keyboard.press("Escape");
  await expect.poll(() => hasFocus(page)).toBe("New chat");
  await person.choose("Menu", "Settings");
  await person.heading("Settings").waitFor();
  await expect.poll(() => hasFocus(page)).toBe("Back");
  await page.keyboard.press("Escape");
  await expect.poll(() => hasFocus(page)).toMatch(/^Message to/); // the conversation is open again
  await person.choose("More", "Contact info");
  await expect.poll(() => hasFocus(page)).toBe("Close the info");
  await page.keyboard.press("Escape");
  await expect.poll(() => hasFocus(page)).toBe("More");
  await person.choose("More", "Delete chat");
  await person.overlay("alertdialog").waitFor();
  await page.keyboard.press("Escape");
  await expect.poll(() => hasFocus(page)).toBe("More");
  expect(person.complaints).toEqual([]);
  await person.close();
});

test("on a phone, going back closes the dialog and leaves the conversation open", async () => {
  const person = await Person.enter(browser, server.url, ann.email, { size: PHONE });
  await person.openConversation(/Ben/);
  await person.choose("More", "Delete chat");
  await person.overlay("alertdialog").waitFor();
  await person.page.evaluate(() => history.back());
  await person.page.getByRole("alertdialog").waitFor({ state: "detached" });
  await person.composer.waitFor();
  expect(await address(person.page)).toContain(id);
  await person.page.evaluate(() => history.back());
  await person.heading("Chats").waitFor();
  expect(person.complaints).toEqual([]);
  await person.close();
});

test("going back closes a dialog on the very page that the app was opened at, and leaves the app after that", async () => {
  const person = await Person.enter(browser, server.url, ann.email);
  const { page } = person;
  await person.isLive(); // by then it hears the keys
  for (let round = 0; round < 2; round++) {
    await page.keyboard.press("Control+/");
    await person.overlay("dialog").waitFor();
    await page.evaluate(() => history.back());
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await person.heading("Chats").waitFor();
  }
  await person.openConversation(/Ben/);
  await page.evaluate(() => history.back());
  await person.composer.waitFor({ state: "detached" });
  await person.heading("Chats").waitFor();
  expect(person.complaints).toEqual([]);
  await page.evaluate(() => history.back());
  await page.waitForURL("about:blank");
  await person.close();
});

test("what is pasted is cut near the limit, with a sentence, and writing goes on", async () => {
  const person = await Person.enter(browser, server.url, ann.email);
  await person.openConversation(/Ben/);
  await person.context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await person.page.evaluate(() => navigator.clipboard.writeText("😀é".repeat(1_000_000)));
  await person.composer.focus();
  await person.page.keyboard.press("Control+v");
  await person.page
    .getByText(/it was cut after 10,000 characters/)
    .first()
    .waitFor();
  expect([...(await person.composer.inputValue())].length).toBe(10_000);
  await person.composer.press("Backspace");
  await expect.poll(async () => [...(await person.composer.inputValue())].length).toBe(9_999);
  expect(await person.button("Send").isEnabled()).toBe(true);
  await person.close();
});

test("spaces at the beginning of a text survive", async () => {
  const person = await Person.enter(browser, server.url, ann.email);
  await person.openConversation(/Ben/);
  await person.send("    def poem():");
  await person.reached("def poem", "Sent");
  const { data } = await call(server.url, "GET", `/api/conversations/${id}/messages`, undefined, ben.token);
  expect(data.at(-1).content).toBe("    def poem():");
  await person.close();
});

test("a draft is stored in pauses, and one that is sent takes nothing from another tab", async () => {
  const person = await Person.enter(browser, server.url, ann.email);
  await person.openConversation(/Ben/);
  const other = await person.context.newPage();
  await other.goto(`${server.url}/app/chats/${id}`);
  const field = other.getByRole("textbox", { name: /^Message to/ });
  await field.waitFor();
  await person.composer.fill("From the first tab");
  // A tab in which nothing is written follows.
  await expect.poll(() => field.inputValue()).toBe("From the first tab");
  await field.fill("From the second tab");
  await person.composer.press("Enter");
  await person.message("From the first tab").waitFor();
  await other.getByRole("list", { name: "Messages" }).getByText("From the first tab").waitFor();
  expect(await field.inputValue()).toBe("From the second tab");
  await other.close();
  await person.close();
});

test("an address that is none leads to a place to go on from", async () => {
  const person = await Person.enter(browser, server.url, ann.email);
  await person.page.goto(`${server.url}/app/chats/%E0%A4%A`);
  await person.button("To your conversations").click();
  await person.page.getByText("Your messages").waitFor();
  expect(person.complaints).toEqual([]);
  await person.close();
});

test("who travels sees all times in the new time zone", async () => {
  await say(ben, id, "What time is it?");
  const person = await Person.enter(browser, server.url, ann.email);
  await person.openConversation(/Ben/);
  const shown = () => person.message("What time").locator("time").textContent();
  const before = await shown();
  const session = await person.context.newCDPSession(person.page);
  await session.send("Emulation.setTimezoneOverride", { timezoneId: "Asia/Kathmandu" });
  await person.page.evaluate(() => window.dispatchEvent(new Event("focus")));
  await expect.poll(shown).not.toBe(before);
  await person.close();
});

test("a name keeps its direction and its marks to itself", async () => {
  const nasty = await account(server.url, `Mallory ${count}`);
  const name = `evil\u202Egnp.\u2069\u202E${"z\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308".repeat(3)}`;
  await call(server.url, "PUT", "/api/user/profile", { name }, nasty.token).catch(() => undefined); // servers may refuse it
  const trip = await group(ann, "Trip", nasty, ben);
  await say(ben, trip, "Hello \u202Eyou");
  const person = await Person.enter(browser, server.url, ann.email);
  await person.openConversation(/Trip/);
  await person.message("Hello").waitFor();
  const shown = await person.page.evaluate(() => {
    const around = [...document.querySelectorAll("header, nav, h2")].map((element) => element.textContent).join("");
    return { around, names: document.querySelectorAll("bdi").length };
  });
  expect(shown.around).not.toMatch(/[\u202A-\u202E]/);
  expect(shown.around).not.toMatch(/\p{M}{5}/u);
  expect(shown.names).toBeGreaterThan(2);
  await person.close();
});

test("links are addresses with a scheme, www or a well-known ending, without what stands around them", async () => {
  const person = await Person.enter(browser, server.url, ann.email);
  await person.openConversation(/Ben/);
  await say(
    ben,
    id,
    "See “https://example.com/a” and „www.example.md“, example.org/b?c=d, not README.md, main.py or run.sh; https://good.example/\u202Elive",
  );
  const links = person.message("See").getByRole("link");
  await links.first().waitFor();
  const all = await links.evaluateAll((found) => found.map((link) => [link.textContent, link.getAttribute("href")]));
  expect(all).toEqual([
    ["https://example.com/a", "https://example.com/a"],
    ["www.example.md", "https://www.example.md"],
    ["example.org/b?c=d", "https://example.org/b?c=d"],
    ["https://good.example/", "https://good.example/"],
  ]);
  await person.close();
});

test("flags of parts of a country, and keycaps, are as large as other emoji", async () => {
  const person = await Person.enter(browser, server.url, ann.email);
  await person.openConversation(/Ben/);
  for (const text of ["🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🏴󠁧󠁢󠁳󠁣󠁴󠁿 🏴󠁧󠁢󠁷󠁬󠁳󠁿", "1️⃣ #️⃣", "twelve"]) await say(ben, id, text);
  await person.message("twelve").waitFor();
  const sizes = await person.messages
    .locator("li[data-kind=message] p")
    .evaluateAll((all) => all.map((one) => Number.parseFloat(getComputedStyle(one).fontSize) > 25));
  expect(sizes).toEqual([true, true, true, false]);
  await person.close();
});

test("notifications: none while the app is looked at in another tab, one alert for each message, gone when read", async () => {
  const person = await Person.open(browser, server.url);
  await person.context.grantPermissions(["notifications"]);
  await person.context.addInitScript(() => {
    const told: string[] = [];
    Object.assign(window, { told });
    class Told extends EventTarget {
      static permission = "granted";
      static requestPermission = async () => "granted";
      constructor(
        readonly title: string,
        readonly options: NotificationOptions & { renotify?: boolean },
      ) {
        super();
        told.push(`${options.body} ${options.renotify}`);
      }
      close() {
        told.push(`gone: ${this.options.body}`);
      }
    }
    Object.assign(window, { Notification: Told });
    localStorage.setItem("chatapp:preferences", JSON.stringify({ theme: "light", notifications: true }));
  });
  await person.page.reload();
  await person.login(ann.email);
  await person.row(/Ben/).waitFor();
  const told = () => person.page.evaluate(() => (window as unknown as { told: string[] }).told);
  const focus = (page: Page, isFocused: boolean) =>
    page.evaluate((value) => {
      document.hasFocus = () => value;
      window.dispatchEvent(new Event(value ? "focus" : "blur"));
    }, isFocused);
  const other = await person.context.newPage();
  await other.goto(`${server.url}/app/chats/${id}`);
  await other.getByRole("textbox", { name: /^Message to/ }).waitFor();
  await focus(person.page, false);
  await focus(other, true);
  await say(ben, id, "seen in the other tab");
  await other.getByRole("list", { name: "Messages" }).getByText("seen in the other tab").waitFor();
  await focus(other, false);
  await say(ben, id, "first");
  await expect.poll(told).toEqual(["first true"]);
  await say(ben, id, "second");
  await expect.poll(told).toEqual(["first true", "second true"]);
  await call(server.url, "POST", `/api/conversations/${id}/read`, { seq: 3 }, ann.token);
  await expect.poll(told).toContain("gone: second");
  await person.close();
});

test("new messages in other conversations are announced to screen readers, briefly", async () => {
  const person = await Person.enter(browser, server.url, ann.email);
  await person.row(/Ben/).waitFor();
  await say(ben, id, "A long story that nobody wants to hear while they do something else");
  await person.page
    .locator("[aria-live=polite]", { hasText: `New message in ${ben.name}` })
    .waitFor({ state: "attached" });
  await person.close();
});

test("in high contrast, switches, own messages and the open conversation keep their marks", async () => {
  await say(ben, id, "Hello");
  const person = await Person.enter(browser, server.url, ann.email);
  await person.page.emulateMedia({ forcedColors: "active" });
  await person.openConversation(/Ben/);
  await person.message("Hello").waitFor();
  const edge = (selector: string, property: "borderTopWidth" | "outlineStyle") =>
    person.page
      .locator(selector)
      .first()
      .evaluate((element, name) => getComputedStyle(element)[name], property);
  expect(await edge("[data-timeline] [class*=bubble]", "borderTopWidth")).toBe("1px");
  expect(await edge("nav [aria-current=page]", "outlineStyle")).toBe("solid");
  await person.page.goto(`${server.url}/app/settings/privacy`);
  await person.page.getByRole("switch").first().waitFor();
  expect(await edge("[role=switch]", "borderTopWidth")).toBe("1px");
  await person.close();
});

test("five people have five colours, and no initials are underlined", async () => {
  const others = await Promise.all([1, 2, 3, 4].map((number) => account(server.url, `Person ${number} of ${count}`)));
  const trip = await group(ann, "Five", ...others);
  const person = await Person.enter(browser, server.url, ann.email);
  await person.page.goto(`${server.url}/app/chats/${trip}/info`);
  const members = person.page.getByRole("region", { name: "Members" });
  await members.getByText("You").waitFor();
  const hues = await members
    .locator("[class*=initials]")
    .evaluateAll((all) => all.map((one) => getComputedStyle(one).getPropertyValue("--hue")));
  expect(new Set(hues).size).toBe(5);
  expect(await members.textContent()).not.toContain("@");
  const me = person.page.getByRole("link", { name: "Your profile" });
  expect(await me.evaluate((element) => getComputedStyle(element).textDecorationLine)).toBe("none");
  await person.close();
});

test("emoji: categories, what was chosen last, and skin tones", async () => {
  const person = await Person.enter(browser, server.url, ann.email);
  await person.openConversation(/Ben/);
  const picker = person.page.getByRole("dialog", { name: "Choose an emoji" });
  await person.button("Emoji").click();
  await picker.getByText("Smileys").first().waitFor();
  await picker.getByRole("button", { name: "Flags" }).click();
  await picker.getByRole("gridcell", { name: /^chequered flag$/i }).waitFor();
  await picker.getByRole("button", { name: /^Skin tone: yellow/ }).click();
  await picker.getByRole("searchbox").fill("waving hand");
  const found = picker.getByRole("gridcell", { name: "Waving hand" }).and(person.page.locator("[data-active=true]"));
  await found.filter({ hasText: /\p{EMod}/u }).waitFor();
  await person.page.keyboard.press("Enter");
  await picker.waitFor({ state: "detached" });
  await expect.poll(() => person.composer.inputValue()).toMatch(/^👋\p{EMod}$/u);
  await person.button("Emoji").click();
  await picker.getByRole("region", { name: "Recent" }).getByRole("button").click();
  await expect.poll(() => person.composer.inputValue()).toMatch(/^(👋\p{EMod}){2}$/u);
  await person.close();
});
