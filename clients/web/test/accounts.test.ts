/** Accounts, settings and devices. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Server } from "../../js/test/support/server";
import { account, call, direct, launch, PASSWORD, Person } from "./support/browser";
import { storedKeys } from "./support/storage";

let browser: Browser;
let server: Server;

beforeAll(async () => {
  [browser, server] = await Promise.all([launch(), Server.start()]);
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

async function end(person: Person): Promise<void> {
  expect(person.complaints).toEqual([]);
  await person.close();
}

test("an empty database says why there is nobody, and what to do; who signs up then appears by themselves", async () => {
  const empty = await Server.start();
  try {
    const first = await account(empty.url, "First");
    const person = await Person.enter(browser, empty.url, first.email);
    await person.page.getByText("It is quiet here").waitFor();
    await person.button("Choose a contact").click();
    await person.page.getByText("No other users found. Ask friends to sign up!").waitFor();
    await person.button("Invite somebody").first().waitFor();
    await account(empty.url, "Second");
    await person.button(/Second/).waitFor();
    await end(person);
  } finally {
    await empty.stop();
  }
});

test("a wrong password is told at the form, and the right one is taken then", async () => {
  const ann = await account(server.url, "Ann");
  const person = await Person.open(browser, server.url);
  await person.page.getByLabel("E-mail").fill(ann.email);
  await person.page.getByLabel("Password", { exact: true }).fill("wrong");
  await person.button("Log in").click();
  await person.page.getByRole("alert").getByText("The e-mail address or the password is wrong.").waitFor();
  await person.login(ann.email);
  await end(person);
});

test("each field says what is wrong with it, and the first of them has the focus", async () => {
  const ann = await account(server.url, "Ann Taken");
  const person = await Person.open(browser, `${server.url}/app/register`);
  await person.button("Create the account").click();
  const focused = () => person.page.evaluate(() => (document.activeElement as HTMLInputElement).name);
  await person.page.getByText("Enter a name: others see it.").waitFor();
  await expect.poll(focused).toBe("name");
  await person.page.getByLabel("Name").fill("Somebody");
  await person.page.getByLabel("E-mail").fill("nobody");
  await person.page.getByLabel("Password", { exact: true }).fill("short");
  await person.button("Create the account").click();
  await person.page.getByText("This is not an e-mail address.").waitFor();
  await person.page.getByText("Use at least 6 characters.").waitFor();
  const field = person.page.getByLabel("E-mail");
  await expect.poll(() => field.getAttribute("aria-invalid")).toBe("true");
  await expect.poll(focused).toBe("email");
  await field.fill(ann.email);
  await person.page.getByLabel("Password", { exact: true }).fill("long enough");
  await person.button("Create the account").click();
  await person.page.getByText("This e-mail address has an account already.").waitFor();
  await end(person);
});

test("the demo users are one click away where the server runs in development", async () => {
  const demo = await Server.start({}, "seed");
  try {
    const person = await Person.open(browser, demo.url);
    await person.button("Tini").click();
    await person.row(/Weekend hike/).waitFor();
    await end(person);
  } finally {
    await demo.stop();
  }
});

test("a new name is seen by the others at once", async () => {
  const [bob, eve] = await Promise.all([account(server.url, "Bob"), account(server.url, "Eve")]);
  await direct(bob, eve);
  const person = await Person.enter(browser, server.url, bob.email);
  const other = await Person.enter(browser, server.url, eve.email);
  await other.row(/Bob/).waitFor();
  await person.choose("Menu", "Settings");
  await person.page
    .getByRole("navigation", { name: "Settings" })
    .getByRole("link", { name: /Profile/ })
    .click();
  await person.page.getByLabel("Name").fill("Robert");
  await person.page.getByLabel("Picture").fill("ftp://example.com");
  await person.button("Save").click();
  await person.page.getByText("Enter an address that begins with https://").waitFor();
  await person.page.getByLabel("Picture").fill("");
  await Promise.all([
    person.page.getByText("Your profile is saved.").first().waitFor(),
    other.row(/Robert/).waitFor(),
    person.button("Save").click(),
  ]);
  await person.page.reload();
  await expect.poll(() => person.page.getByLabel("Name").inputValue()).toBe("Robert");
  await end(person);
  await end(other);
});

test("another e-mail address takes the password, and the other devices say it", async () => {
  const ann = await account(server.url, "Ann Moving");
  const person = await Person.enter(browser, server.url, ann.email);
  const other = await Person.enter(browser, server.url, ann.email);
  await person.choose("Menu", "Settings");
  await person.page
    .getByRole("navigation", { name: "Settings" })
    .getByRole("link", { name: /Profile/ })
    .click();
  const password = person.page.getByLabel("Current password");
  expect(await password.count()).toBe(0);
  await person.page.getByLabel("E-mail").fill(`moved-${ann.email}`);
  await person.button("Save").click();
  await person.page.getByText("Enter your password: the address changes.").waitFor();
  await password.fill("wrong");
  await person.button("Save").click();
  await person.page.getByText("This is not your password.").waitFor();
  await password.fill(PASSWORD);
  await Promise.all([
    person.page.getByText("Your profile is saved.").first().waitFor(),
    other.page.getByText(`The e-mail address of your account is moved-${ann.email} now.`).first().waitFor(),
    person.button("Save").click(),
  ]); // each is shown for seconds, in any order
  await password.waitFor({ state: "detached" });
  await end(person);
  await end(other);
});

test("other devices are listed and can be logged out", async () => {
  const joe = await account(server.url, "Joe");
  const [here, there] = [
    await Person.enter(browser, server.url, joe.email),
    await Person.enter(browser, server.url, joe.email),
  ];
  await here.page.goto(`${server.url}/app/settings/devices`);
  await here.page.getByText("This device").waitFor();
  await here.button("Log out Chrome on Linux").click();
  await there.page.getByText("Your session was ended").waitFor();
  await here.button("Log out everywhere").click();
  await here.confirm("Log out everywhere");
  await here.heading("Log in").waitFor();
  await here.close();
  await there.close();
});

test("the password can be changed; only the new one lets in then", async () => {
  const kim = await account(server.url, "Kim");
  const person = await Person.enter(browser, server.url, kim.email);
  await person.page.goto(`${server.url}/app/settings/password`);
  await person.page.getByLabel("Current password").fill("not it");
  await person.page.getByLabel("New password").fill("something new");
  await person.button("Change the password").click();
  await person.page.getByText("This is not your password.").waitFor();
  await person.page.getByLabel("Current password").fill(PASSWORD);
  await person.button("Change the password").click();
  await person.page.getByText("Your password is changed.").first().waitFor();
  const login = (password: string) => call(server.url, "POST", "/api/auth/login", { email: kim.email, password });
  await expect(login(PASSWORD)).rejects.toThrow("401");
  expect((await login("something new")).success).toBe(true);
  await end(person);
});

test("who hides being online is not shown so", async () => {
  const [lea, max] = await Promise.all([account(server.url, "Lea"), account(server.url, "Max")]);
  await direct(lea, max);
  const person = await Person.enter(browser, server.url, lea.email);
  const other = await Person.enter(browser, server.url, max.email);
  await other.openConversation(/Lea/);
  const header = other.page.getByRole("link", { name: /show info/ });
  await header.getByText("online").waitFor();
  await person.page.goto(`${server.url}/app/settings/privacy`);
  await person.page.getByRole("switch", { name: /online/ }).click();
  await expect.poll(() => person.page.getByRole("switch", { name: /online/ }).isChecked()).toBe(false);
  await header.getByText("online").waitFor({ state: "detached" });
  await end(person);
  await end(other);
});

test("logging out asks, and leaves nothing on the device", async () => {
  const ida = await account(server.url, "Ida");
  const person = await Person.enter(browser, server.url, ida.email);
  await person.choose("Menu", "Log out");
  await person.confirm("Cancel");
  await person.choose("Menu", "Log out");
  await person.confirm("Log out");
  await person.heading("Log in").waitFor();
  const left = (await storedKeys(person.page)).filter((key) => !key.endsWith("/device"));
  expect(left, "the browser stays the same device").toEqual([]);
  await person.page.reload();
  await person.heading("Log in").waitFor();
  await end(person);
});

test("the theme is chosen, and kept", async () => {
  const uma = await account(server.url, "Uma");
  const person = await Person.enter(browser, server.url, uma.email);
  const theme = () => person.page.evaluate(() => document.documentElement.dataset.theme);
  expect(await theme()).toBe("light");
  await person.page.goto(`${server.url}/app/settings/appearance`);
  await person.page.getByText("Dark", { exact: true }).click();
  await expect.poll(theme).toBe("dark");
  await person.page.reload();
  await person.heading("Appearance").waitFor();
  expect(await theme()).toBe("dark");
  await end(person);
});
