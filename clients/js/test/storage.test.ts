import "fake-indexeddb/auto";
import { expect, test } from "vitest";
import {
  type AsyncStorageLike,
  asyncStorage,
  type ChatStorage,
  indexedDBStorage,
  memoryStorage,
  webStorage,
} from "../src/index.js";
import { rangeAt, withoutRange, withRange } from "../src/records.js";
import { Store } from "../src/store/store.js";
import type { Entry } from "../src/wire.js";
import { live, openChat, pair, proxied, sees, textsOf, until } from "./support/chats.js";

/** Return storage like React Native's. */
function reactNativeStorage(): AsyncStorageLike {
  const values = new Map<string, string>();
  return {
    getItem: async (name) => values.get(name) ?? null,
    setItem: async (name, value) => void values.set(name, value),
    removeItem: async (name) => void values.delete(name),
    getAllKeys: async () => [...values.keys()],
  };
}

/** Return storage like that of browsers. */
function fakeLocalStorage(): Storage {
  const values = new Map<string, string>();
  return {
    get length() {
      return values.size;
    },
    clear: () => values.clear(),
    key: (index) => [...values.keys()][index] ?? null,
    getItem: (name) => values.get(name) ?? null,
    setItem: (name, value) => void values.set(name, value),
    removeItem: (name) => void values.delete(name),
  };
}

let databases = 0;
const makers: [string, () => ChatStorage][] = [
  ["memory", memoryStorage],
  ["localStorage", () => webStorage(fakeLocalStorage())],
  ["IndexedDB", () => indexedDBStorage(`test-${databases++}`)],
  ["AsyncStorage", () => asyncStorage(reactNativeStorage())],
];

test.each(makers)("%s keeps, lists and removes values", async (_, make) => {
  const storage = make();
  await storage.write(
    [
      ["a/1", { text: "Grüße 👋" }],
      ["a/2", [1, 2]],
      ["b/1", "other"],
    ],
    [],
  );
  expect(await storage.read(["a/1", "missing", "a/2"])).toEqual([{ text: "Grüße 👋" }, undefined, [1, 2]]);
  expect((await storage.keys("a/")).sort()).toEqual(["a/1", "a/2"]);
  await storage.write([["a/1", "new"]], ["a/2", "b/1"]);
  expect(await storage.keys("")).toEqual(["a/1"]);
  expect(await storage.read(["a/1"])).toEqual(["new"]);
});

test.each(makers)("a chat on %s starts again where it was", async (_, make) => {
  const storage = make();
  const options = { storage, tabs: false as const };
  const { tini, bdbb, id } = await pair(options);
  tini.chat.messages(id).send("Kept");
  tini.chat.draft(id).set("Half");
  await sees(bdbb.chat, id, "Kept");
  await sees(tini.chat, id, "Kept");
  await tini.chat.close();
  const again = openChat(options);
  await again.ready;
  expect(again.accounts.getSnapshot().user).toEqual(tini.user);
  expect(again.draft(id).getSnapshot()).toBe("Half");
  await sees(again, id, "Kept");
});

test("an object that looks like AsyncStorage can be given as it is", async () => {
  const { tini, bdbb, id } = await pair({ storage: reactNativeStorage() });
  tini.chat.messages(id).send("Hello");
  await sees(bdbb.chat, id, "Hello");
});

function entry(seq: number): Entry {
  const sender = { id: "other", _id: "other", name: "Other", avatar: null };
  const place = {
    id: `e${seq}`,
    _id: `e${seq}`,
    conversationId: "c",
    seq,
    mseq: seq,
    hash: "h",
    clientMsgId: `m${seq}`,
  };
  return { ...place, type: "message", createdAt: "", content: "x".repeat(200), attachment: null, sender };
}

test("a conversation of 10,000 messages is stored in pieces: one more message writes one small piece", async () => {
  const storage = memoryStorage();
  const writes: number[] = [];
  const watched: ChatStorage = {
    ...storage,
    write: (puts, deletes) => {
      writes.push(...puts.map(([, value]) => JSON.stringify(value).length));
      return storage.write(puts, deletes);
    },
  };
  const store = new Store({
    storage: watched,
    isWriter: () => true,
    onWritten: () => {},
    onFailure: (error) => expect.fail(error.message),
  });
  await store.open("t/");
  store.addEntries(
    "c",
    Array.from({ length: 10_000 }, (_, index) => entry(index + 1)),
  );
  await store.flush();
  writes.length = 0;
  store.addEntries("c", [entry(10_001)]);
  await store.flush();
  expect(writes).toHaveLength(1);
  expect(writes[0]).toBeLessThan(25_000);
  const reads: number[] = [];
  const read = watched.read;
  watched.read = (keys) => {
    reads.push(keys.length);
    return read(keys);
  };
  expect((await store.readEntries("c", 9_901, 9_950)).map(({ seq }) => seq)).toEqual(
    Array.from({ length: 50 }, (_, index) => 9_901 + index),
  );
  expect(reads).toEqual([2]); // two pieces, not ten thousand messages
});

test("entries are there from the moment they are added until they are read from storage", async () => {
  const storage = memoryStorage();
  const slow: ChatStorage = {
    ...storage,
    write: async (puts, deletes) => {
      await new Promise((done) => setTimeout(done, 5));
      await storage.write(puts, deletes);
    },
  };
  const store = new Store({
    storage: slow,
    isWriter: () => true,
    onWritten: () => {},
    onFailure: (error) => expect.fail(error.message),
  });
  await store.open("t/");
  for (let seq = 1; seq <= 60; seq++) {
    store.addEntries("c", [entry(seq)]);
    const found = await store.readEntries("c", 1, seq);
    expect(found).toHaveLength(seq);
    if (seq % 7 === 0) await new Promise((done) => setTimeout(done, 3));
  }
  store.dropEntries("c");
  expect(await store.readEntries("c", 1, 60)).toEqual([]);
  store.addEntries("c", [entry(61)]);
  await store.flush();
  expect((await store.readEntries("c", 1, 61)).map(({ seq }) => seq)).toEqual([61]);
});

test("a batch that is being written while another tab erases everything leaves nothing elsewhere", async () => {
  const storage = memoryStorage();
  const store = new Store({
    storage,
    isWriter: () => true,
    onWritten: () => {},
    onFailure: (error) => expect.fail(error.message),
  });
  await store.open("t/");
  const { keys } = storage;
  storage.keys = (prefix) => {
    store.abandon(); // another tab erases the data, while this one looks for the chunks to drop
    return keys(prefix);
  };
  store.dropEntries("c");
  store.addEntries("c", [entry(1)]);
  await store.flush();
  storage.keys = keys;
  await store.erase("t/");
  expect(await storage.keys("")).toEqual([]);
});

test("what storage has lost is fetched again", async () => {
  const storage = memoryStorage();
  const { tini, bdbb, id } = await pair({ storage });
  for (const text of ["One", "Two", "Three"]) bdbb.chat.messages(id).send(text);
  await sees(tini.chat, id, "One", "Two", "Three");
  await tini.chat.close();
  const pieces = (await storage.keys("")).filter((name) => name.includes("/e/"));
  expect(pieces).toHaveLength(1);
  await storage.write([], pieces);
  const again = openChat({ storage });
  await live(again);
  const timeline = await until(again.messages(id), ({ data }) => data.length === 3);
  expect(textsOf(timeline.data)).toEqual(["One", "Two", "Three"]);
});

test("a disk that is full costs nothing but what it could not keep, and is told", async () => {
  const proxy = await proxied();
  const storage = memoryStorage();
  const { tini, bdbb, id } = await pair({ url: proxy.url, storage });
  const told: string[] = [];
  tini.chat.on("error", ({ code }) => told.push(code));
  const { write } = storage;
  storage.write = () => Promise.reject(new Error("QuotaExceededError"));
  tini.chat.messages(id).send("Not stored, but sent");
  await sees(bdbb.chat, id, "Not stored, but sent");
  await sees(tini.chat, id, "Not stored, but sent");
  expect(told).toContain("STORAGE_FAILED");
  storage.write = write;
  tini.chat.messages(id).send("Stored again");
  await sees(bdbb.chat, id, "Not stored, but sent", "Stored again");
  await tini.chat.close();
  const again = openChat({ url: proxy.url, storage });
  await sees(again, id, "Not stored, but sent", "Stored again");
});

test("ranges of stored entries are merged, split and found", () => {
  expect(withRange([], [3, 5])).toEqual([[3, 5]]);
  expect(
    withRange(
      [
        [1, 2],
        [8, 9],
      ],
      [3, 7],
    ),
  ).toEqual([[1, 9]]);
  expect(
    withRange(
      [
        [1, 2],
        [8, 9],
      ],
      [4, 6],
    ),
  ).toEqual([
    [1, 2],
    [4, 6],
    [8, 9],
  ]);
  expect(withRange([[1, 9]], [3, 4])).toEqual([[1, 9]]);
  expect(withRange([[1, 2]], [5, 4])).toEqual([[1, 2]]);
  expect(withoutRange([[1, 9]], [3, 4])).toEqual([
    [1, 2],
    [5, 9],
  ]);
  expect(
    withoutRange(
      [
        [1, 2],
        [4, 9],
      ],
      [0, 5],
    ),
  ).toEqual([[6, 9]]);
  expect(
    rangeAt(
      [
        [1, 2],
        [4, 9],
      ],
      3,
    ),
  ).toBeUndefined();
  expect(
    rangeAt(
      [
        [1, 2],
        [4, 9],
      ],
      4,
    ),
  ).toEqual([4, 9]);
});

test("records of another user on the same device are removed when somebody else signs in", async () => {
  const storage = memoryStorage();
  const { tini, bdbb, id } = await pair({ storage });
  tini.chat.messages(id).send("Tini's");
  await sees(bdbb.chat, id, "Tini's");
  const { chat } = tini;
  await chat.accounts.login({ email: bdbb.email, password: "password123" });
  await until(chat.conversations.one(id), (conversation) => conversation?.title === "Tini");
  const theirs = async (userId: string) => (await storage.keys("")).filter((name) => name.includes(`/u/${userId}/`));
  expect(await theirs(tini.user.id)).toEqual([]);
  await expect.poll(async () => (await theirs(bdbb.user.id)).length).toBeGreaterThan(0);
});
