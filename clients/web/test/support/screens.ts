/** Every screen, light and dark: axe finds nothing, all of it has room, and a picture of it is in test/output. */
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Server } from "../../../js/test/support/server";
import { faults } from "./accessibility";
import { type Account, account, call, direct, group, type Look, launch, Person, PHONE, say } from "./browser";
import { SCREENSHOTS } from "./setup";

const LONG = "There is much to say about the way up. ".repeat(60);
/** The sections of the settings, and what each shows when it is there. */
const SETTINGS = {
  "": "Name, e-mail, picture",
  profile: "The address of a picture on the web",
  privacy: "Show what I have read",
  appearance: "Dark",
  devices: "This device",
  password: "All your other devices are logged out",
};
const CHATTER: [string, string[]][] = [
  ["Asha", ["The forecast for Saturday looks good.", "Sun until four, then clouds ☀️"]],
  ["Mira", ["Then let's start early.", "Train at 8:04 from platform 3?"]],
  ["Ben", ["I bring tea.", "And https://example.com/map for the way, see mile 7", "مرحبا، هل نلتقي في المحطة؟", "👍"]],
  ["Mira", ["Perfect", "🎉"]],
];

async function furnish(url: string): Promise<void> {
  const [mira, asha, ben] = await Promise.all(["Mira", "Asha", "Ben"].map((name) => account(url, name)));
  const others = await Promise.all(["Chitra Rao", "Goran", "Lena"].map((name) => account(url, name)));
  const people: Record<string, Account> = { Mira: mira!, Asha: asha!, Ben: ben! };
  const hike = await group(mira!, "Weekend hike", asha!, ben!);
  for (const [name, texts] of CHATTER) for (const text of texts) await say(people[name]!, hike, text);
  for (const [index, other] of others.entries()) {
    const id = await direct(mira!, other);
    for (let count = 0; count <= index; count++)
      await say(index % 2 ? mira! : other, id, `Good morning number ${count + 1}!`);
  }
  const id = await direct(ben!, mira!);
  await say(mira!, id, "How long is it?");
  await say(ben!, id, LONG);
}

/** A browser, and a server with people who chat, for the tests that are declared beside it. */
export function furnished(): { browser: Browser; server: Server } {
  const world = {} as { browser: Browser; server: Server };
  beforeAll(async () => {
    [world.browser, world.server] = await Promise.all([launch(), Server.start()]);
    await furnish(world.server.url);
  });
  afterAll(async () => {
    await world.browser?.close();
    await world.server?.stop();
  });
  return world;
}

/** Return what is drawn outside of the window, or wider than what holds it and not shortened by rule. */
function cutOff(person: Person): Promise<string[]> {
  return person.page.evaluate(() => {
    const told: string[] = [];
    const isShortened = (element: Element | null): boolean =>
      element !== null && (getComputedStyle(element).textOverflow === "ellipsis" || isShortened(element.parentElement));
    for (const element of document.querySelectorAll<HTMLElement>("body *")) {
      const box = element.getBoundingClientRect();
      const { overflowX, visibility } = getComputedStyle(element);
      if (box.width <= 1 || visibility !== "visible" || element.closest("[inert], [aria-hidden=true], svg")) continue;
      const isOutside = box.right > window.innerWidth + 1 || box.left < -1;
      const isTooNarrow = element.scrollWidth > element.clientWidth + 1 && overflowX === "hidden";
      if ((isOutside || isTooNarrow) && !isShortened(element))
        told.push(`${element.tagName} ${element.className} ${element.textContent?.slice(0, 40)}`);
    }
    return told;
  });
}

/** Declares the tests of every screen, in both themes. */
export function screens(device: string, size: Look["size"]): void {
  const world = furnished();

  describe.each(["light", "dark"] as const)("%s", (theme) => {
    const name = `${device}-${theme}`;
    const look = { size, theme };
    const isPhone = size !== undefined && size.width <= PHONE.width;

    async function shoot(person: Person, screen: string): Promise<void> {
      await person.page.screenshot({ path: join(SCREENSHOTS, `${screen}-${name}.png`) });
      expect.soft(await cutOff(person), `${screen} ${name}: without room`).toEqual([]);
      const found = await faults(person.page, theme === "dark" ? ["color-contrast"] : undefined); // all else is the same
      expect.soft(found, `${screen} ${name}`).toEqual([]);
    }

    async function back(person: Person): Promise<void> {
      await person.page.goto(person.url);
      await person.heading("Chats").waitFor();
    }

    test("signing in", async () => {
      const person = await Person.open(world.browser, world.server.url, look);
      await person.heading("Log in").waitFor();
      await shoot(person, "login");
      await person.button("Log in").click();
      await person.page.getByText("Enter your password.").waitFor();
      await shoot(person, "login-problems");
      await person.page.getByRole("link", { name: "Create an account" }).click();
      await person.heading("Create an account").waitFor();
      await shoot(person, "register");
      expect(person.complaints).toEqual([]);
      await person.close();
    });

    test("conversations", async () => {
      const person = await Person.enter(world.browser, world.server.url, "mira@test.com", look);
      await person.row(/Weekend hike/).waitFor();
      await shoot(person, "list");
      await person.button("Menu").click();
      await person.overlay("menu").waitFor();
      await shoot(person, "list-menu");
      await person.page.keyboard.press("Escape");
      await person.openConversation(/Weekend hike/);
      await person.message("Perfect").waitFor();
      await shoot(person, "group");
      await person.page.getByRole("link", { name: /show info/ }).click();
      await person.page.getByRole("complementary", { name: "Group info" }).waitFor();
      await shoot(person, "group-info");
      await person.button("Add").click();
      await person.page.getByRole("dialog").getByRole("button", { name: /Lena/ }).click();
      await shoot(person, "add-members");
      await person.page.keyboard.press("Escape");
      await person.button("Change name and picture").click();
      await person.page.getByRole("dialog").getByLabel("Name", { exact: true }).waitFor();
      await shoot(person, "edit-group");
      await person.page.keyboard.press("Escape");
      await person.button("Close the info").click();
      await person.message("Perfect").getByText("Perfect").click({ button: "right" });
      await person.page.getByRole("menuitem", { name: "Who has read it" }).waitFor();
      await shoot(person, "message-menu");
      await person.page.getByRole("menuitem", { name: "Who has read it" }).click();
      await person.page.getByRole("dialog").getByText("Ben").waitFor();
      await shoot(person, "message-info");
      await person.page.keyboard.press("Escape");
      await person.button("Emoji").click();
      await person.page.getByRole("dialog").getByText("Smileys").waitFor();
      await shoot(person, "emoji");
      await person.page.keyboard.press("Escape");
      await back(person);
      await person.openConversation(/Ben/);
      await person.button("Read more").waitFor();
      await shoot(person, "long-text");
      await person.choose("More", "Delete chat");
      await person.overlay("alertdialog").waitFor();
      await shoot(person, "confirmation");
      await person.button("Cancel").click();
      await back(person);
      await person.page.getByRole("searchbox", { name: "Search" }).fill("be");
      await person.page.getByRole("region", { name: "Conversations found" }).getByText("Weekend hike").waitFor();
      await person.page.getByText("Searching people…").waitFor({ state: "detached" });
      await shoot(person, "search");
      expect(person.complaints).toEqual([]);
      await person.close();
    });

    test("panels", async () => {
      const person = await Person.enter(world.browser, world.server.url, "mira@test.com", look);
      await person.button("New chat").first().click();
      await person.button(/Chitra/).waitFor();
      await shoot(person, "contacts");
      await person.button("New group").click();
      await person.page.getByLabel("Name of the group").waitFor();
      await person.button(/Goran/).click();
      await person.button(/Lena/).click();
      await shoot(person, "new-group");
      for (const [screen, shows] of Object.entries(SETTINGS)) {
        await person.page.goto(`${person.url}/app/settings/${screen}`);
        await person.button("Back").waitFor();
        await person.page.locator("aside, main").getByText(shows).first().waitFor();
        await shoot(person, `settings-${screen || "overview"}`);
      }
      await back(person);
      await person.isLive(); // by then it hears the keys
      await person.page.keyboard.press("Control+/");
      await person.overlay("dialog").waitFor();
      await shoot(person, "shortcuts");
      expect(person.complaints).toEqual([]);
      await person.close();
    });

    test("nothing there yet, and no connection", async () => {
      const newcomer = await account(world.server.url, `Newcomer ${name}`);
      const person = await Person.enter(world.browser, world.server.url, newcomer.email, look);
      await person.page.getByText("It is quiet here").waitFor();
      await shoot(person, "empty-list");
      const mira = await call(world.server.url, "POST", "/api/auth/login", {
        email: "mira@test.com",
        password: "password123",
      });
      await call(
        world.server.url,
        "POST",
        "/api/user/conversations",
        { type: "direct", participants: [newcomer.id] },
        mira.token,
      );
      await person.openConversation(/Mira/);
      await person.page.getByText("Say hello to Mira!").waitFor();
      await shoot(person, "empty-conversation");
      await person.context.setOffline(true);
      await person.send("Is anybody there?");
      await person.page.getByRole("status").filter({ hasText: "You are offline." }).waitFor();
      await shoot(person, "offline-conversation");
      if (isPhone) await person.button("Back to the list").click();
      await person.banner.getByText("You are offline.").waitFor();
      await shoot(person, "offline");
      expect(person.complaints).toEqual([]);
      await person.close();
    });
  });
}
