/** A page that stays open while the operator puts a new version in place of the old. */
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FaultProxy } from "../../js/test/support/proxy";
import { Server } from "../../js/test/support/server";
import { account, launch, Person } from "./support/browser";

let browser: Browser;
let server: Server;
let proxy: FaultProxy;
let folder: string;

/** Changes the page, and what the service worker says of it: as another build does. */
function publish(version: string): void {
  change("index.html", (text) => text.replace(/<html[^>]*>/, `<html lang="en" data-version="${version}">`));
  change("sw.js", (text) => text.replace(/(url:`\/app`,revision:`)[^`]*/, `$1${version}`));
}

function change(name: string, by: (text: string) => string): void {
  const path = join(folder, name);
  const text = readFileSync(path, "utf8");
  expect(by(text)).not.toBe(text);
  writeFileSync(`${path}.new`, by(text));
  renameSync(`${path}.new`, path); // nobody gets half of it
  for (const suffix of [".br", ".gz"]) rmSync(path + suffix, { force: true });
}

function version(person: Person): Promise<string | undefined> {
  return person.page.evaluate(() => document.documentElement.dataset.version);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "chatapp-web-"));
  cpSync(resolve(import.meta.dirname, "../dist"), folder, { recursive: true });
  publish("first");
  [browser, server] = await Promise.all([launch(), Server.start({ WEB_DIR: folder })]);
  proxy = await FaultProxy.start(server.url);
});

afterAll(async () => {
  await browser?.close();
  await proxy?.stop();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("a new version is offered to a page that was left open, stays away until it is wanted, and is taken", async () => {
  const ann = await account(server.url, "Ann");
  const person = await Person.enter(browser, proxy.url, ann.email, { keepsApp: true });
  await person.page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  await person.page.reload(); // from now on the service worker answers
  await person.heading("Chats").waitFor();
  expect(await version(person)).toBe("first");
  const offer = person.banner.getByText("A new version of the app is there.");
  const comeBack = () => person.page.evaluate(() => window.dispatchEvent(new Event("focus")));
  const hasLooked = () => person.page.evaluate(async () => void (await (await navigator.serviceWorker.ready).update()));
  const looks = () => proxy.count(({ path }) => path === "/sw.js");
  await person.isLive(); // it looks by itself then
  await hasLooked();
  const before = looks();
  await expect
    .poll(async () => {
      await comeBack(); // until the page has come so far as to hear it
      return looks();
    })
    .toBeGreaterThan(before);
  await hasLooked();
  expect(await offer.count(), "nothing is new").toBe(0);

  publish("second");
  await comeBack();
  await offer.waitFor();
  await person.button("Later").click();
  await offer.waitFor({ state: "detached" });
  expect(await version(person)).toBe("first");

  publish("third");
  await comeBack();
  await offer.waitFor();
  await person.button("Use it").click();
  await expect.poll(() => version(person).catch(() => "")).toBe("third");
  await person.heading("Chats").waitFor();
  expect(await offer.count()).toBe(0);
  expect(person.complaints).toEqual([]);
  await person.close();
});
