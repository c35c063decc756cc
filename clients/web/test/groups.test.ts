/** The life of a group. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Server } from "../../js/test/support/server";
import { type Account, account, call, group, launch, Person, PHONE, say } from "./support/browser";

let browser: Browser;
let server: Server;
let count = 0;
let ann: Account;
let ben: Account;
let cid: Account;

beforeAll(async () => {
  [browser, server] = await Promise.all([launch(), Server.start()]);
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

beforeEach(async () => {
  count++;
  [ann, ben, cid] = (await Promise.all(
    ["Ann", "Ben", "Cid"].map((name) => account(server.url, `${name} ${count}`)),
  )) as [Account, Account, Account];
});

async function info(person: Person): Promise<void> {
  await person.page.getByRole("link", { name: /show info/ }).click();
  await person.page.getByRole("complementary", { name: "Group info" }).waitFor();
}

test("a group is made, named anew, grows, changes hands and is left", async () => {
  const one = await Person.enter(browser, server.url, ann.email);
  const two = await Person.enter(browser, server.url, ben.email, { size: PHONE });
  await one.choose("Menu", "New group");
  await one.page.getByLabel("Name of the group").fill("Choir");
  for (const other of [ben, cid]) {
    await one.page.getByRole("searchbox", { name: "Search a name or e-mail" }).fill(other.email);
    await one.page
      .getByRole("list", { name: "People" })
      .getByRole("button", { name: new RegExp(other.name) })
      .click();
  }
  await one.button("Create the group (3)").click();
  await one.send("Welcome!");
  await two.openConversation(/Choir/);
  await two.message("Welcome!").waitFor();

  await info(one);
  await one.button("Change name and picture").click();
  await one.page.getByLabel("Name", { exact: true }).fill("Small choir");
  await one.button("Save").click();
  await two.heading("Small choir").waitFor();
  await two.messages.getByText(`${ann.name} named the group “Small choir”`).waitFor();

  const dan = await account(server.url, `Dan ${count}`);
  await one.button("Add").click();
  const dialog = one.page.getByRole("dialog");
  await dialog.getByRole("searchbox").fill(dan.email);
  await dialog.getByRole("list", { name: "People" }).getByRole("button").click();
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await two.messages.getByText(`${ann.name} added ${dan.name}`).waitFor();

  await one.choose(`What can be done with ${ben.name}`, "Make admin");
  await two.messages.getByText(`${ann.name} made you an admin`).waitFor();
  await one.choose(`What can be done with ${ben.name}`, "Make owner");
  await one.confirm("Hand over");
  await two.messages.getByText(`${ann.name} made you the owner`).waitFor();

  await one.button("Leave the group").click();
  await one.confirm("Leave the group");
  await one.page.getByText("You are no longer in this group.").waitFor();
  await two.messages.getByText(`${ann.name} left`).waitFor();
  expect(await one.composer.count()).toBe(0);
  for (const person of [one, two]) {
    expect(person.complaints).toEqual([]);
    await person.close();
  }
});

test("who is removed sees that, keeps what they saw, and can't write any more", async () => {
  const id = await group(ann, "Crew", ben, cid);
  await say(ann, id, "Hello crew");
  const two = await Person.enter(browser, server.url, ben.email);
  await two.openConversation(/Crew/);
  await two.composer.fill("I think");
  await call(server.url, "DELETE", `/api/conversations/${id}/members/${ben.id}`, undefined, ann.token);
  await two.messages.getByText(`${ann.name} removed you`).waitFor();
  await two.page.getByText("You are no longer in this group.").waitFor();
  await two.message("Hello crew").waitFor();
  await say(ann, id, "Not for Ben");
  await two.page.reload();
  await two.message("Hello crew").waitFor();
  await two.isLive(); // and has all that there is for them
  expect(await two.message("Not for Ben").count()).toBe(0);
  await two.close();
});

test("a message that the server refuses says so, and can be discarded", async () => {
  const id = await group(ann, "Band", ben, cid);
  const two = await Person.enter(browser, server.url, ben.email);
  await two.openConversation(/Band/);
  await two.context.setOffline(true);
  await two.send("Too late");
  await two.reached("Too late", "Waiting to be sent");
  await call(server.url, "DELETE", `/api/conversations/${id}/members/${ben.id}`, undefined, ann.token);
  await two.context.setOffline(false);
  const message = two.message("Too late");
  await message.getByText("Not sent.").waitFor();
  await two.context.setOffline(true); // so that the second attempt takes as long as anybody looks
  await message.getByRole("button", { name: "Try again" }).click();
  await two.reached("Too late", "Waiting to be sent");
  await two.context.setOffline(false);
  await message.getByText("Not sent.").waitFor();
  await message.getByRole("button", { name: "Discard" }).click();
  await message.waitFor({ state: "detached" });
  await two.close();
});

test("ticks in a group tell how many have read it, and the info tells who", async () => {
  await group(ann, "Trio", ben, cid);
  const one = await Person.enter(browser, server.url, ann.email);
  await one.openConversation(/Trio/);
  await one.send("Who is there?");
  await one.reached("Who is there?", "Sent");
  const two = await Person.enter(browser, server.url, ben.email);
  await one.reached("Who is there?", "Delivered to 1 of 2 others");
  await two.openConversation(/Trio/);
  await one.reached("Who is there?", "Read by 1 of 2 others");
  await one.message("Who is there?").getByText("Who is there?").click({ button: "right" });
  await one.page.getByRole("menuitem", { name: "Who has read it" }).click();
  await one.page.getByRole("region", { name: "Read by" }).getByText(ben.name).waitFor();
  await one.page.getByRole("region", { name: "Not delivered yet" }).getByText(cid.name).waitFor();
  await Promise.all([one.close(), two.close()]);
});

test("members are offered what their role allows, and nothing else", async () => {
  await group(ann, "Club", ben, cid);
  const two = await Person.enter(browser, server.url, ben.email);
  await two.openConversation(/Club/);
  await info(two);
  expect(await two.button("Add").count()).toBe(0);
  expect(await two.button("Change name and picture").count()).toBe(0);
  await two.button(`What can be done with ${cid.name}`).click();
  await two.page.getByRole("menuitem").first().waitFor();
  expect(await two.page.getByRole("menuitem").allTextContents()).toEqual([`Message ${cid.name}`]);
  await two.page.getByRole("menuitem").click();
  await two.heading(cid.name).waitFor();
  await two.close();
});
