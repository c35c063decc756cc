/** Everything by keys alone. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Server } from "../../js/test/support/server";
import { type Account, account, direct, launch, Person, say } from "./support/browser";

let browser: Browser;
let server: Server;
let ann: Account;

beforeAll(async () => {
  [browser, server] = await Promise.all([launch(), Server.start()]);
  ann = await account(server.url, "Ann");
  for (const name of ["Ben", "Cid", "Dora"]) {
    const other = await account(server.url, name);
    const id = await direct(ann, other);
    for (const text of ["one", "two", "three"]) await say(other, id, `${name} says ${text}`);
  }
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

function focus(person: Person): Promise<string> {
  return person.page.evaluate(() => {
    const element = document.activeElement as HTMLElement;
    return element.getAttribute("aria-label") ?? element.textContent ?? "";
  });
}

test("searching, moving in the list, opening, writing, and back", async () => {
  const person = await Person.enter(browser, server.url, ann.email);
  const { keyboard } = person.page;
  await person.row(/Dora/).waitFor();
  await person.isLive(); // by then it hears the keys
  await keyboard.press("Control+k");
  await keyboard.type("ci");
  await person.page.getByRole("region", { name: "Conversations found" }).getByRole("link", { name: /Cid/ }).waitFor();
  await keyboard.press("ArrowDown");
  await keyboard.press("Enter");
  await person.heading("Cid").waitFor();
  await expect.poll(() => focus(person)).toBe("Message to Cid");
  await keyboard.type("By keys");
  await keyboard.press("Enter");
  await person.message("By keys").waitFor();

  await keyboard.press("Alt+ArrowDown");
  await person.heading("Dora").waitFor();
  await keyboard.press("Alt+ArrowUp");
  await person.heading("Cid").waitFor();

  await keyboard.press("Escape");
  await person.page.getByText("Your messages").waitFor();
  await keyboard.press("Control+k");
  await keyboard.press("Escape");
  await keyboard.press("ArrowDown");
  await keyboard.press("End");
  await expect.poll(() => focus(person)).toContain("Ben");
  await keyboard.press("Home");
  await expect.poll(() => focus(person)).toContain("Cid");
  expect(person.complaints).toEqual([]);
  await person.close();
});

test("from the text up to the messages, what can be done with one, and down again", async () => {
  const person = await Person.enter(browser, server.url, ann.email);
  const { keyboard } = person.page;
  await person.openConversation(/Dora/);
  await person.message("Dora says three").waitFor();
  await expect.poll(() => focus(person)).toBe("Message to Dora");
  await keyboard.press("ArrowUp");
  await expect.poll(() => focus(person)).toContain("three");
  await keyboard.press("ArrowUp");
  await expect.poll(() => focus(person)).toContain("two");
  await keyboard.press("Enter");
  await person.page.getByRole("menuitem", { name: "Copy text" }).waitFor();
  await person.overlay("menu").waitFor();
  await keyboard.press("Escape");
  await expect.poll(() => focus(person)).toContain("two");
  await keyboard.press("End");
  await expect.poll(() => focus(person)).toContain("three");
  await keyboard.press("ArrowDown");
  await expect.poll(() => focus(person)).toBe("Message to Dora");
  expect(person.complaints).toEqual([]);
  await person.close();
});

test("menus and dialogs take the focus and give it back; Esc closes one after the other", async () => {
  const person = await Person.enter(browser, server.url, ann.email);
  const { keyboard } = person.page;
  await person.openConversation(/Ben/);
  await person.button("More").focus();
  await keyboard.press("Enter");
  await expect.poll(() => focus(person)).toBe("Contact info");
  await keyboard.press("Enter");
  await person.page.getByRole("complementary", { name: "Contact info" }).waitFor();
  await keyboard.press("Control+/");
  await person.overlay("dialog").waitFor();
  await keyboard.press("Escape");
  await person.page.getByRole("dialog").waitFor({ state: "detached" });
  await keyboard.press("Escape");
  await person.page.getByRole("complementary", { name: "Contact info" }).waitFor({ state: "detached" });
  await keyboard.press("Escape");
  await person.page.getByText("Your messages").waitFor();
  expect(person.complaints).toEqual([]);
  await person.close();
});

test("new messages in the open conversation are announced to screen readers", async () => {
  const person = await Person.enter(browser, server.url, ann.email);
  await person.openConversation(/Ben/);
  await person.message("Ben says three").waitFor();
  const ben = await Person.enter(browser, server.url, "ben@test.com");
  await ben.openConversation(/Ann/);
  await ben.send("Do you hear me?");
  await person.page.locator("[aria-live=polite]", { hasText: "Ben: Do you hear me?" }).waitFor({ state: "attached" });
  await Promise.all([person.close(), ben.close()]);
});
