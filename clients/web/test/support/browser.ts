/** People with browsers: each has a browser context of their own, and uses the app by what it shows. */
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from "playwright-core";
import { afterEach, expect } from "vitest";

const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-smooth-scrolling", // one turn of the wheel is one movement, which tests can tell from a jump
];
export const PASSWORD = "password123";
export const PHONE = { width: 360, height: 740 };
export const DESKTOP = { width: 1280, height: 800 };
const PATIENCE = 20_000;

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Look {
  size?: Size;
  theme?: "light" | "dark";
  locale?: string;
  /** Whether the service worker keeps the app: it loads all of it, which takes time, and only matters offline. */
  keepsApp?: boolean;
}

function isPhoneSize({ width }: Size): boolean {
  return width < 500;
}

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ARGUMENTS });
}

export class Person {
  /** The page's complaints: everything there is a fault of the app, until a test takes it away. */
  readonly complaints: string[] = [];

  /** The people who have not closed the app yet. */
  private static readonly all = new Set<Person>();

  private constructor(
    readonly context: BrowserContext,
    readonly page: Page,
    readonly url: string,
    readonly size: Size,
  ) {
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("console", (message) => {
      const isFailedCall = message.text().startsWith("Failed to load resource");
      if (message.type() === "error" && !isFailedCall) this.complaints.push(message.text());
    });
  }

  /** Somebody who opens the app, with nothing stored. */
  static async open(browser: Browser, url: string, look: Look = {}) {
    const { size = DESKTOP, theme = "light", locale = "en-GB", keepsApp = false } = look;
    const isPhone = isPhoneSize(size);
    const context = await browser.newContext({
      viewport: size,
      colorScheme: theme,
      locale,
      hasTouch: isPhone,
      isMobile: isPhone,
      reducedMotion: "reduce",
      serviceWorkers: keepsApp ? "allow" : "block",
    });
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    const person = new Person(context, page, url, size);
    context.on("close", () => Person.all.delete(person));
    Person.all.add(person);
    await page.goto(url);
    return person;
  }

  /** Close the apps that a test left open; after a failed one, report first what each shows. */
  static async leave(isFailed: boolean): Promise<void> {
    for (const person of Person.all) {
      if (isFailed) process.stderr.write(`${await person.sight().catch(String)}\n`);
      await person.context.close();
    }
  }

  private async sight(): Promise<string> {
    const timeline = await this.page.evaluate(() => {
      const element = document.querySelector<HTMLElement>("[data-timeline]");
      return element && [element.scrollTop, element.clientHeight, element.scrollHeight].join(" ");
    });
    const text = await this.page.locator("body").ariaSnapshot();
    return `${this.page.url()}\ntimeline: ${timeline}\n${text.slice(-1_500)}\n${this.complaints.join("\n")}`;
  }

  /** Somebody who has an account and logs in. */
  static async enter(browser: Browser, url: string, email: string, look: Look = {}): Promise<Person> {
    const person = await Person.open(browser, url, look);
    await person.login(email);
    return person;
  }

  async login(email: string, password = PASSWORD): Promise<void> {
    await this.page.getByLabel("E-mail").fill(email);
    await this.page.getByLabel("Password", { exact: true }).fill(password);
    await this.page.getByRole("button", { name: "Log in", exact: true }).click();
    await this.heading("Chats").waitFor();
  }

  /** Wait until the socket has joined: from then on nothing is loaded again because the connection came up. */
  async isLive(): Promise<void> {
    await this.page.locator("[data-connection=live]").first().waitFor({ state: "attached" });
  }

  /** Press a button that goes away by itself where its result comes without it. */
  async pressUnlessDone(button: Locator, result: Locator): Promise<void> {
    void button.click().catch(() => {});
    await result.waitFor();
  }

  /** Phones have touch, and Enter makes a new line there. */
  private get isPhone(): boolean {
    return isPhoneSize(this.size);
  }

  heading(name: string) {
    return this.page.getByRole("heading", { name });
  }

  button(name: string | RegExp) {
    return this.page.getByRole("button", { name, exact: typeof name === "string" });
  }

  /** The conversation's row in the list. */
  row(name: string | RegExp) {
    return this.page.getByRole("navigation", { name: "Conversations" }).getByRole("link", { name });
  }

  /** Opens it, and waits for its own composer: that of another conversation may have been there. */
  async openConversation(name: RegExp): Promise<void> {
    await this.row(name).click();
    await this.composer.and(this.page.getByRole("textbox", { name })).waitFor();
  }

  get composer() {
    return this.page.getByRole("textbox", { name: /^Message to/ });
  }

  get messages() {
    return this.page.getByRole("list", { name: "Messages" });
  }

  /** The row of the message with this text. */
  message(text: string | RegExp) {
    return this.messages.locator("li[data-kind=message]").filter({ hasText: text });
  }

  get banner() {
    return this.page.getByRole("complementary").getByRole("status");
  }

  async send(text: string): Promise<void> {
    await this.composer.fill(text);
    if (this.isPhone) await this.button("Send").click();
    else await this.composer.press("Enter");
    await expect.poll(() => this.composer.inputValue()).toBe("");
  }

  /** Whatever lies over the page, once it has the focus: from then on it gets the keys, and going back closes it. */
  overlay(role: "dialog" | "alertdialog" | "menu"): Locator {
    return this.page.locator(`[role=${role}]:focus-within`);
  }

  async choose(menu: string | RegExp, item: string): Promise<void> {
    await this.button(menu).click();
    await this.page.getByRole("menuitem", { name: item }).click();
  }

  async confirm(action: string): Promise<void> {
    await this.page.getByRole("alertdialog").getByRole("button", { name: action }).click();
  }

  /** Waits until own message has come so far: "Sent", "Delivered", "Read", "Waiting to be sent". */
  async reached(text: string, status: string | RegExp): Promise<void> {
    const exact = typeof status === "string"; // "Waiting to be sent" is not "Sent"
    await this.message(text).getByRole("img", { name: status, exact }).waitFor();
  }

  close(): Promise<void> {
    return this.context.close();
  }
}

/** Somebody with an account, made over the API: gives the token to act with, outside of the app. */
export async function account(url: string, name: string): Promise<Account> {
  const email = `${name.toLowerCase().replace(/\W+/g, ".")}@test.com`;
  const { token, data } = await call(url, "POST", "/api/auth/register", { email, password: PASSWORD, name });
  return { id: data.id, name, email, token, url };
}

export interface Account {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly token: string;
  readonly url: string;
}

// biome-ignore lint/suspicious/noExplicitAny: the server's answers, as they are
export async function call(url: string, method: string, path: string, body?: unknown, token?: string): Promise<any> {
  const headers = { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) };
  const answer = await fetch(url + path, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const json = await answer.json();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(json)}`);
  return json;
}

/** The id of the direct conversation of two. */
export async function direct(one: Account, other: Account): Promise<string> {
  const body = { type: "direct", participants: [other.id] };
  return (await call(one.url, "POST", "/api/user/conversations", body, one.token)).data.id;
}

export async function group(owner: Account, name: string, ...others: Account[]): Promise<string> {
  const body = { type: "group", name, participants: others.map((person) => person.id) };
  return (await call(owner.url, "POST", "/api/user/conversations", body, owner.token)).data.id;
}

export async function say(who: Account, conversationId: string, content: string): Promise<void> {
  await call(who.url, "POST", `/api/conversations/${conversationId}/messages`, { content }, who.token);
}

afterEach(({ task }) => Person.leave(task.result?.state === "fail"));
