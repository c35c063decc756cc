/** Devices whose storage loses, refuses, damages, or never answers. */
import { expect, test } from "vitest";
import {
  type Chat,
  type ChatStorage,
  indexedDBStorage,
  type Message,
  memoryStorage,
  webStorage,
} from "../src/index.js";
import { byteLength } from "../src/records.js";
import { live, newPerson, openChat, PASSWORD, pair, proxied, sees, textsOf, until } from "./support/chats.js";
import { androidStorage, deafIndexedDB, forgetfulStorage, secureStore } from "./support/devices.js";

const LARGE = "ä".repeat(1_100_000); // 2.2 MB

/** Collect the chat's failures in the background, from its first moment on. */
function failuresOf(chat: Chat): string[] {
  const told: string[] = [];
  chat.on("error", ({ code, message }) => told.push(`${code}: ${message}`));
  return told;
}

async function keyOf(storage: ChatStorage | { getAllKeys(): Promise<readonly string[]> }, part: string) {
  const keys = "keys" in storage ? await storage.keys("") : await storage.getAllKeys();
  return keys.find((name) => name.includes(part)) as string;
}

test("a row that Android can't read hides nothing else: the message that was queued is shown and sent", async () => {
  const proxy = await proxied();
  const storage = androidStorage();
  const { tini, bdbb, id } = await pair({ url: proxy.url, storage });
  tini.chat.messages(id).send("Arrived");
  await sees(tini.chat, id, "Arrived");
  await proxy.down();
  tini.chat.messages(id).send("Queued");
  tini.chat.draft("another").set("Half a sentence");
  await tini.chat.close();
  const record = await keyOf(storage, "/r/o/");
  const draft = record.replace(/o\/.*$/, `d/${id}`);
  storage.rows.set(draft, JSON.stringify(LARGE)); // as an earlier version stored it
  const again = openChat({ url: proxy.url, storage });
  const told = failuresOf(again);
  await again.ready;
  await sees(again, id, "Arrived", "Queued");
  expect(again.draft("another").getSnapshot()).toBe("Half a sentence");
  expect(again.draft(id).getSnapshot()).toBe("");
  expect(told).toEqual([expect.stringMatching(/^STORAGE_FAILED: A value .* can't be read \(Row too big/)]);
  expect(storage.rows.has(draft)).toBe(false);
  await proxy.up();
  await sees(bdbb.chat, id, "Arrived", "Queued");
});

test("what is larger than a row is stored in pieces that Android can read, and goes without a rest", async () => {
  const proxy = await proxied();
  const storage = androidStorage();
  const { tini, bdbb, id } = await pair({ url: proxy.url, storage });
  const texts = Array.from({ length: 45 }, (_, index) => `${index} ${"👋ä".repeat(4_900)}`); // 30 KB each
  for (const text of texts) bdbb.chat.messages(id).send(text);
  await sees(tini.chat, id, ...texts);
  await tini.chat.close();
  const sizes = [...storage.rows.values()].map((text) => byteLength(text));
  expect(Math.max(...sizes)).toBeLessThanOrEqual(256 * 1024);
  expect(sizes.reduce((sum, size) => sum + size)).toBeGreaterThan(1_000_000);
  await proxy.down();
  const again = openChat({ url: proxy.url, storage });
  await sees(again, id, ...texts);
  await again.accounts.logout();
  expect([...storage.rows.keys()].filter((name) => !name.endsWith("/device"))).toEqual([]);
});

test("records that are damaged are dropped one by one, and told", async () => {
  const proxy = await proxied();
  const storage = androidStorage();
  const { tini, bdbb, id } = await pair({ url: proxy.url, storage });
  tini.chat.messages(id).send("Kept");
  await sees(bdbb.chat, id, "Kept");
  await sees(tini.chat, id, "Kept");
  await tini.chat.close();
  const record = await keyOf(storage, `/r/c/${id}`);
  const place = record.slice(0, -`c/${id}`.length);
  const damaged = {
    "c/cut": '{"id":"cut","conv',
    "c/null": "null",
    "c/foreign": '{"id":"foreign","ranges":7}',
    "o/1": '{"order":"1"}',
    "o/2": '"text"',
    "d/list": "[1]",
    contacts: "7",
  };
  for (const [name, text] of Object.entries(damaged)) storage.rows.set(place + name, text);
  const again = openChat({ url: proxy.url, storage });
  const told = failuresOf(again);
  await live(again);
  await sees(again, id, "Kept");
  expect(again.conversations.getSnapshot().data).toHaveLength(1);
  expect(again.draft("list").getSnapshot()).toBe("");
  expect(told.join()).toMatch(/A value .* can't be read .*6 values .* can't be read/s);
  for (const name of Object.keys(damaged).filter((row) => row !== "contacts")) {
    expect(storage.rows.has(place + name), name).toBe(false);
  }
});

const useless: [string, () => ChatStorage][] = [
  ["IndexedDB that never answers", () => indexedDBStorage("deaf", deafIndexedDB)],
  ["no IndexedDB", () => indexedDBStorage()],
  [
    "IndexedDB that is forbidden",
    () =>
      indexedDBStorage("forbidden", {
        open() {
          throw new DOMException("The operation is insecure.", "SecurityError");
        },
      } as unknown as IDBFactory),
  ],
  ["no localStorage", () => webStorage()],
  ["storage that never answers", () => Object.assign(forgetfulStorage(memoryStorage()), { isDeaf: true })],
];

test.each(useless)("%s: the app starts in memory, and says so", async (_, make) => {
  const { bdbb, tini, id } = await pair();
  await tini.chat.close();
  const chat = openChat({ storage: make(), timing: { storageTimeout: 200 } });
  const told = failuresOf(chat);
  await chat.ready;
  expect(chat.accounts.getSnapshot()).toMatchObject({ status: "signed-out", error: { code: "STORAGE_FAILED" } });
  expect(told).toEqual([expect.stringContaining("lost when the app ends")]);
  await chat.accounts.login({ email: tini.email, password: PASSWORD });
  chat.messages(id).send("From memory");
  await sees(bdbb.chat, id, "From memory");
  await sees(chat, id, "From memory");
  expect(told).toHaveLength(1);
});

test("storage that stops answering holds up no message", async () => {
  const storage = forgetfulStorage(memoryStorage());
  const { tini, bdbb, id } = await pair({ storage, timing: { storageTimeout: 200 } });
  const told = failuresOf(tini.chat);
  storage.isDeaf = true;
  for (const text of ["One", "Two", "Three"]) tini.chat.messages(id).send(text);
  await sees(bdbb.chat, id, "One", "Two", "Three");
  await sees(tini.chat, id, "One", "Two", "Three");
  expect(told).toEqual([expect.stringContaining("STORAGE_FAILED")]);
});

test("what storage refuses takes nothing else with it, and is tried again", async () => {
  const storage = memoryStorage();
  const { write } = storage;
  let isFull = true;
  storage.write = async (puts, deletes) => {
    const isRefused = puts.some(([name, value]) => name.includes("/r/d/") && (value as string).startsWith("No"));
    if (isFull && isRefused) throw new Error("QuotaExceededError");
    await write(puts, deletes);
  };
  const { tini, bdbb, id } = await pair({ storage, timing: { draftPause: 0 } });
  tini.chat.draft("another").set("Not now");
  tini.chat.messages(id).send("Stored and sent");
  await sees(bdbb.chat, id, "Stored and sent");
  isFull = false;
  tini.chat.messages(id).send("And more");
  await sees(tini.chat, id, "Stored and sent", "And more");
  await tini.chat.close();
  const again = openChat({ storage });
  await again.ready;
  expect(again.draft("another").getSnapshot()).toBe("Not now");
  await sees(again, id, "Stored and sent", "And more");
});

test("a draft that is too large stays on the screen and is not stored; the user is told once", async () => {
  const storage = androidStorage();
  const { chat } = await newPerson("Tini", { storage, timing: { draftPause: 0 } });
  const told = failuresOf(chat);
  const draft = chat.draft("c");
  draft.set("Short");
  await expect.poll(() => keyOf(storage, "/r/d/c")).toBeDefined();
  for (const text of [LARGE, `${LARGE}!`]) {
    draft.set(text);
    await new Promise((done) => setTimeout(done, 20));
    expect(draft.getSnapshot()).toBe(text);
  }
  expect(told).toEqual([expect.stringMatching(/^TOO_LARGE: This draft is larger than 256 KB/)]);
  await chat.close();
  const again = openChat({ storage });
  await again.ready;
  expect(again.draft("c").getSnapshot()).toBe("Short");
});

test("a message that is too large fails at once with a sentence, is not stored, and holds up nothing", async () => {
  const storage = androidStorage();
  const { tini, bdbb, id } = await pair({ storage });
  const here = tini.chat.messages(id);
  const failed = here.send(LARGE);
  expect(failed).toMatchObject({ status: "failed", error: { code: "TOO_LARGE" } });
  expect(failed.error?.message).toMatch(/256 KB/);
  here.send("After it");
  await sees(bdbb.chat, id, "After it");
  here.retry(failed.clientMsgId);
  await until(here, ({ data }) => data.length === 2 && (data.at(-1) as Message).status === "failed");
  expect(Math.max(...[...storage.rows.values()].map((text) => text.length))).toBeLessThan(100_000);
  here.discard(failed.clientMsgId);
  expect(textsOf(here.getSnapshot().data)).toEqual(["After it"]);
});

test("twenty messages in a row are stored before they are sent, in about as many writes", async () => {
  const storage = memoryStorage();
  const { tini, bdbb, id } = await pair({ storage }, { timing: { receiptBatch: 600_000 } }); // who reports nothing
  const { write } = storage;
  let writes = 0;
  storage.write = (...call) => {
    writes++;
    return write(...call);
  };
  const texts = Array.from({ length: 20 }, (_, index) => `Message ${index}`);
  for (const text of texts) tini.chat.messages(id).send(text);
  await sees(bdbb.chat, id, ...texts);
  await until(tini.chat.messages(id), ({ data }) => data.every((row) => (row as Message).status !== "sending"));
  expect(writes).toBeLessThanOrEqual(20 + 2); // one for all, and one for each
});

test("a draft is not stored at each key, and is stored when the app ends or is left", async () => {
  const storage = androidStorage();
  const { chat } = await newPerson("Tini", { storage, timing: { draftPause: 600_000 } });
  await live(chat);
  const draft = chat.draft("c");
  for (let length = 1; length <= 500; length++) draft.set("x".repeat(length));
  expect(draft.getSnapshot()).toHaveLength(500);
  await chat.conversations.refresh(); // by then all is written that waits for it
  expect(await keyOf(storage, "/r/d/")).toBeUndefined();
  chat.connection.setForeground(false);
  await expect.poll(() => keyOf(storage, "/r/d/c")).toBeDefined();
  draft.set("Changed");
  await chat.close();
  const again = openChat({ storage });
  await again.ready;
  expect(again.draft("c").getSnapshot()).toBe("Changed");
});

test("the session is in the secure store alone, also one that was kept with everything else before", async () => {
  const [storage, tokens] = [androidStorage(), secureStore()];
  const avatar = `https://example.com/${"ü".repeat(600)}`;
  const { chat, user, email } = await newPerson("Tini", { storage });
  await chat.accounts.updateProfile({ avatar: encodeURI(avatar).slice(0, 2000) });
  await chat.close();
  expect(await keyOf(storage, "/session")).toBeDefined();
  for (let start = 0; start < 2; start++) {
    const again = openChat({ storage, tokenStorage: tokens });
    await live(again);
    expect(again.accounts.getSnapshot().user).toMatchObject({ id: user.id, email });
    expect(await keyOf(storage, "/session")).toBeUndefined();
    expect([...storage.rows.values()].filter((text) => text.includes("oken"))).toEqual([]);
    expect(tokens.rows.size).toBeGreaterThan(1); // longer than one value may be
    if (start === 1) await again.accounts.logout();
    else await again.close();
  }
  expect(tokens.rows.size).toBe(0);
});

test("a session that the secure store refuses lasts as long as the app", async () => {
  const storage = memoryStorage();
  const tokens = { ...secureStore(), setItem: () => Promise.reject(new Error("User interaction is not allowed")) };
  const chat = openChat({ storage, tokenStorage: tokens });
  const told = failuresOf(chat);
  const { email } = await newPerson("Tini");
  await chat.accounts.login({ email, password: PASSWORD });
  await live(chat);
  expect(told).toEqual([expect.stringMatching(/STORAGE_FAILED.*User interaction/)]);
});
