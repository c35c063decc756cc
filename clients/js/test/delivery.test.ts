import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Delivery } from "../src/delivery.js";
import { memoryStorage } from "../src/index.js";
import { ReceiptSummary } from "../src/message-views.js";
import { type ConversationRecord, key } from "../src/records.js";
import { Store } from "../src/store/store.js";
import type { Entry, Pushed, Synced, WireConversation, WireMember } from "../src/wire.js";
import { live, openChat, PASSWORD, pair, proxied, sees, textsOf, until } from "./support/chats.js";
import { LeapingClock } from "./support/clocks.js";
import type { Seen } from "./support/proxy.js";
import { Server } from "./support/server.js";

const ID = "65f0c1d2e3f4a5b6c7d8e9f1";
const syncs = ({ path }: Seen) => path.startsWith("/api/sync");

function entry(seq: number, over: Partial<Entry> = {}): Entry {
  const sender = { id: "other", _id: "other", name: "Other", avatar: null };
  const place = { id: `e${seq}`, _id: `e${seq}`, conversationId: ID, seq, mseq: seq, hash: `h${seq}` };
  return {
    ...place,
    clientMsgId: `c${seq}`,
    type: "message",
    createdAt: new Date(seq * 1000).toISOString(),
    content: `Text ${seq}`,
    attachment: null,
    sender,
    status: "sent",
    ...over,
  };
}

function conversation(headSeq: number): WireConversation {
  const head = { seq: headSeq, mseq: headSeq, hash: `h${headSeq}` };
  const settings = {
    mutedUntil: null,
    muteMentions: false,
    archived: false,
    archivedMseq: null,
    pinned: false,
    pinnedAt: null,
    markedUnread: false,
    markedUnreadSeq: null,
  };
  const created = { createdBy: "me", createdAt: new Date(0).toISOString(), updatedAt: new Date(0).toISOString() };
  return {
    id: ID,
    _id: ID,
    type: "group",
    name: "Group",
    avatar: null,
    history: "all",
    whoMayPin: "everyone",
    participants: [],
    participantCount: 0,
    lastMessage: null,
    unreadCount: headSeq,
    mentionCount: 0,
    mentionMseqs: [],
    head,
    firstSeq: 1,
    readSeq: 0,
    readMseq: 0,
    deletedMseqs: [],
    own: { version: 0, settings, hidden: [], hiddenSeqs: [], stars: [], draft: null },
    ...created,
  };
}

async function emptyDelivery() {
  const applied: number[] = [];
  let gaps = 0;
  const store = new Store({
    storage: memoryStorage(),
    isWriter: () => true,
    onWritten: () => {},
    onFailure: (error) => expect.fail(error.message),
  });
  await store.open("test/");
  const delivery = new Delivery({ store, me: () => "me" });
  delivery.events.on("gap", () => gaps++);
  delivery.events.on("applied", ({ entries }) => applied.push(...entries.map(({ seq }) => seq)));
  const record = () => store.get<ConversationRecord>(key.conversation(ID)) as ConversationRecord;
  return { store, delivery, applied, record, gaps: () => gaps };
}

/** The same shuffle for the same seed. */
function shuffled(seqs: readonly number[], seed: number): number[] {
  const copy = [...seqs];
  let state = seed;
  for (let index = copy.length - 1; index > 0; index--) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    const other = state % (index + 1);
    [copy[index], copy[other]] = [copy[other] as number, copy[index] as number];
  }
  return copy;
}

test.each(Array.from({ length: 25 }, (_, seed) => seed + 1))(
  "entries in any order, some of them twice, are applied once and in order (seed %i)",
  async (seed) => {
    const { store, delivery, applied, record } = await emptyDelivery();
    delivery.addConversation(conversation(0));
    const seqs = Array.from({ length: 40 }, (_, index) => index + 1);
    for (const seq of shuffled([...seqs, ...seqs.filter((seq) => seq % 3 === 0)], seed))
      delivery.receive(entry(seq), true);
    expect(applied).toEqual(seqs);
    expect(record()).toMatchObject({ cursor: 40, cursorHash: "h40", ranges: [[1, 40]] });
    expect((await store.readEntries(ID, 1, 40)).map(({ seq }) => seq)).toEqual(seqs);
  },
);

test("an entry of an unknown conversation is held until the conversation is known", async () => {
  const { delivery, applied, gaps } = await emptyDelivery();
  delivery.receive(entry(1), true);
  expect(applied).toEqual([]);
  expect(gaps()).toBe(1);
  delivery.addConversation(conversation(0));
  expect(applied).toEqual([1]);
});

test("an entry of a type from the future moves the cursor and shows nothing", async () => {
  const { delivery, record } = await emptyDelivery();
  delivery.addConversation(conversation(0));
  delivery.receive(entry(1, { type: "hologram" }), true);
  expect(record()).toMatchObject({ cursor: 1, lastMessage: null });
});

function answer(over: Partial<Synced>): Synced {
  const nothing = { conversations: [], left: [], users: [], next: "n", more: false, serverTime: "" };
  return { epoch: "first", reset: false, ...nothing, ...over };
}

function synced(headSeq: number, over: Partial<Synced["conversations"][number]>): Synced["conversations"][number] {
  const { head } = conversation(headSeq);
  const state = { entries: [], limited: false, gap: null, changedBeforeGap: false, reset: false, hidden: false };
  return {
    id: ID,
    head,
    firstSeq: 1,
    ...state,
    readSeq: 0,
    readMseq: 0,
    deletedMseqs: [],
    unreadCount: 0,
    mentionCount: 0,
    mentionMseqs: [],
    receipts: [],
    ...over,
  };
}

test.each(["__proto__", "constructor"])("somebody whose id is %s has marks like everybody", async (id) => {
  const { delivery, record } = await emptyDelivery();
  const member = { id, _id: id, name: "Odd", avatar: null, role: "member" } as WireMember;
  delivery.addConversation({ ...conversation(2), participants: [member] });
  expect(new ReceiptSummary(record(), "me").statusOf(1)).toEqual({ status: "sent", deliveredTo: 0, readBy: 0 });
  const mark = { conversationId: ID, userId: id, deliveredSeq: 2, readSeq: 1 };
  await delivery.applyReceipt(mark as Pushed["receipt"]);
  delivery.receive(entry(3), true); // what is copied keeps them
  expect(new ReceiptSummary(record(), "me").statusOf(1)).toEqual({ status: "read", deliveredTo: 1, readBy: 1 });
  expect(new ReceiptSummary(record(), "me").statusOf(2)).toEqual({ status: "delivered", deliveredTo: 1, readBy: 0 });
});

test("a leap leaves a gap that is known, and what was known below it stays", async () => {
  const { delivery, record } = await emptyDelivery();
  delivery.addConversation(conversation(0));
  for (const seq of [1, 2, 3]) delivery.receive(entry(seq), true);
  const entries = [98, 99, 100].map((seq) => entry(seq));
  const limited = { entries, limited: true, gap: { after: 3, before: 98 }, conversation: conversation(100) };
  await delivery.sync(async () => answer({ conversations: [synced(100, limited)] }), false);
  expect(record()).toMatchObject({
    cursor: 100,
    ranges: [
      [1, 3],
      [98, 100],
    ],
  });
  delivery.fill(ID, [entry(96), entry(97)], 96, 97);
  expect(record().ranges).toEqual([
    [1, 3],
    [96, 100],
  ]);
});

test("another epoch drops what is stored, and only that", async () => {
  const { store, delivery, record } = await emptyDelivery();
  delivery.addConversation(conversation(0));
  delivery.receive(entry(1), true);
  await delivery.sync(async () => answer({}), false);
  store.put(key.draft(ID), "unsent");
  delivery.checkEpoch("first");
  expect(record().cursor).toBe(1);
  delivery.checkEpoch("second");
  expect(record()).toBeUndefined();
  expect(await store.readEntries(ID, 1, 1)).toEqual([]);
  expect(store.get(key.draft(ID))).toBe("unsent");
});

test("a sync that never ends is given up with an error", async () => {
  const { delivery } = await emptyDelivery();
  await expect(delivery.sync(async () => answer({ more: true }), false)).rejects.toThrow("does not end");
});

// ---------------------------------------------------------------- with the server

test("what was lost on the way is fetched as soon as the next entry shows that it is missing", async () => {
  const proxy = await proxied();
  const { tini, bdbb, id } = await pair({ url: proxy.url });
  proxy.isMuted = true;
  bdbb.chat.messages(id).send("Lost");
  bdbb.chat.messages(id).send("Lost too");
  await until(bdbb.chat.messages(id), ({ data }) =>
    data.every((row) => row.kind === "message" && row.status === "sent"),
  );
  await sees(bdbb.chat, id, "Lost", "Lost too");
  proxy.isMuted = false;
  bdbb.chat.messages(id).send("Arrives");
  await sees(tini.chat, id, "Lost", "Lost too", "Arrives");
  expect(proxy.count(syncs)).toBe(0); // over the socket
});

test("resync brings what a too slow socket has missed", async () => {
  const proxy = await proxied();
  const { tini, bdbb, id } = await pair({ url: proxy.url });
  proxy.isMuted = true;
  bdbb.chat.messages(id).send("Dropped");
  await until(bdbb.chat.messages(id), ({ data }) => data[0]?.kind === "message" && data[0].status === "sent");
  proxy.isMuted = false;
  proxy.inject(`42["resync",{"reason":"overflow","heads":{"${id}":1}}]`);
  await sees(tini.chat, id, "Dropped");
});

test("what comes twice is shown once", async () => {
  const proxy = await proxied();
  const { tini, bdbb, id } = await pair({ url: proxy.url });
  const heard: string[] = [];
  tini.chat.on("message", ({ content }) => heard.push(content));
  proxy.isEchoing = true;
  for (const text of ["One", "Two"]) bdbb.chat.messages(id).send(text);
  tini.chat.messages(id).send("Mine");
  await until(tini.chat.messages(id), ({ data }) => data.length === 3);
  proxy.isEchoing = false;
  bdbb.chat.messages(id).send("Three");
  await until(tini.chat.messages(id), ({ data }) => data.length === 4);
  expect(heard).toEqual(["One", "Two", "Three"]);
});

describe("on a server whose data become others", () => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start();
  });
  afterAll(() => server.stop());

  test("a restored backup replaces what this device believes, and keeps what was not sent", async () => {
    const { tini, bdbb, id } = await pair({ url: server.url }, { url: server.url });
    tini.chat.messages(id).send("Kept");
    await sees(bdbb.chat, id, "Kept");
    await server.end();
    const backup = server.backup();
    await server.start();
    await Promise.all([live(tini.chat), live(bdbb.chat)]);
    tini.chat.messages(id).send("Lost with the machine");
    await sees(bdbb.chat, id, "Kept", "Lost with the machine");
    await sees(tini.chat, id, "Kept", "Lost with the machine");
    await tini.chat.close();
    await server.end();
    backup.restore();
    await server.start();
    await sees(bdbb.chat, id, "Kept");
    bdbb.chat.messages(id).send("Written since");
    await sees(bdbb.chat, id, "Kept", "Written since");
  });

  test("another database under the same address starts the view anew", async () => {
    const { tini, bdbb, id } = await pair({ url: server.url }, { url: server.url });
    tini.chat.messages(id).send("Hello");
    await sees(bdbb.chat, id, "Hello");
    await server.end();
    await server.python(`
from wsgi import app
from chatapp.database import db
with app.app_context():
    db().meta.update_one({"_id": "epoch"}, {"$set": {"value": "0" * 32}})
    db().entries.delete_many({})
    db().conversations.delete_many({})
    db().memberships.delete_many({})
`);
    await server.start();
    await until(bdbb.chat.conversations, ({ status, stale }) => status === "empty" && !stale);
    expect(bdbb.chat.messages(id).getSnapshot().data).toEqual([]);
  });
});

test("a device that was away for long shows the newest at once, and the rest when somebody looks", async () => {
  const { tini, bdbb, id } = await pair();
  const phone = openChat();
  await phone.accounts.login({ email: bdbb.email, password: PASSWORD });
  await live(phone);
  phone.connection.setOnline(false);
  const texts = Array.from({ length: 230 }, (_, index) => `Line ${index + 1}`);
  for (const text of texts) tini.chat.messages(id).send(text);
  await until(tini.chat.messages(id), ({ data }) => textsOf(data).at(-1) === "Line 230" && data.every(isSent));
  phone.connection.setOnline(true);
  const here = phone.messages(id);
  const first = await until(here, ({ data }) => textsOf(data).at(-1) === "Line 230" && data.length >= 50);
  expect(first.hasOlder).toBe(true);
  expect(phone.conversations.get(id)?.unreadCount).toBe(230);
  while (here.getSnapshot().hasOlder) await here.loadOlder(60);
  expect(textsOf(here.getSnapshot().data)).toEqual(texts);
  here.trim();
  expect(textsOf(here.getSnapshot().data)).toEqual(texts.slice(-50));
});

function isSent(item: { kind: string; status?: string }): boolean {
  return item.kind !== "message" || (item.status !== "sending" && item.status !== "failed");
}

test("an hour's leap of the clock alone loses nothing and signs nobody out", async () => {
  const clock = new LeapingClock();
  const { tini, bdbb, id } = await pair({ clock, timing: { sleep: 200 } });
  clock.leap(60 * 60 * 1000);
  bdbb.chat.messages(id).send("Good morning");
  await sees(tini.chat, id, "Good morning");
  expect(tini.chat.accounts.getSnapshot().status).toBe("signed-in");
});
