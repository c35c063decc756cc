/** Pins: shown at once, the same on every device, and gone when their time is over. */
import { expect, test } from "vitest";
import type { Message, Refused, Timeline } from "../src/index.js";
import { withMessageChange } from "../src/message-changes.js";
import { MessageViews } from "../src/message-views.js";
import type { Entry } from "../src/wire.js";
import { openChat, PASSWORD, pair, sees, until } from "./support/chats.js";

function message({ data }: Timeline, index = 0): Message {
  return data[index] as Message;
}

const pinned = (now: Timeline) => message(now)?.pinned === true && !message(now).changing;

test("a pin shows on every device, and in the list of pins, until it is taken away", async () => {
  const { tini, bdbb, id } = await pair();
  const [here, there] = [tini.chat.messages(id), bdbb.chat.messages(id)];
  for (const text of ["One", "Two"]) here.send(text);
  const [one, two] = await sees(bdbb.chat, id, "One", "Two");
  const done = there.pin(message(there.getSnapshot()));
  expect(message(there.getSnapshot())).toMatchObject({ pinned: true, pinnedUntil: null, changing: true });
  await done;
  const end = new Date(Date.now() + 3_600_000);
  await here.pin(two?.id as string, end);
  for (const messages of [here, there]) {
    await until(messages, (now) => pinned(now) && message(now, 1)?.pinned === true);
    const pins = await messages.pins();
    expect(pins.map(({ content, pinnedUntil }) => [content, pinnedUntil])).toEqual([
      ["Two", end.toISOString()],
      ["One", null],
    ]);
  }
  await there.unpin(one?.id as string);
  await until(here, (now) => !message(now).pinned);
  const fresh = openChat();
  await fresh.accounts.login({ email: bdbb.email, password: PASSWORD });
  const now = await until(fresh.messages(id), (now) => message(now, 1)?.pinned === true);
  expect(now.data).toMatchObject([{ pinned: false }, { pinned: true, pinnedUntil: end.toISOString() }]);
  expect(bdbb.chat.conversations.getSnapshot().data[0]).toMatchObject({ unreadCount: 2 });
});

test("where only admins may pin, the pin of another is taken back", async () => {
  const { tini, bdbb } = await pair();
  const suvankar = await pair();
  const memberIds = [bdbb.user.id, suvankar.bdbb.user.id];
  const { id, whoMayPin } = await tini.chat.conversations.createGroup({ name: "Team", memberIds });
  expect(whoMayPin).toBe("everyone");
  tini.chat.messages(id).send("Nine?");
  await sees(bdbb.chat, id, "Nine?");
  await tini.chat.conversations.change(id, { whoMayPin: "admins" });
  await until(bdbb.chat.conversations, ({ data }) => data.some((row) => row.id === id && row.whoMayPin === "admins"));
  const [there, refusals] = [bdbb.chat.messages(id), [] as Refused[]];
  bdbb.chat.on("refused", (refused) => refusals.push(refused));
  await expect(there.pin(message(there.getSnapshot()))).rejects.toMatchObject({ code: "NOT_ALLOWED" });
  expect(message(there.getSnapshot())).toMatchObject({ pinned: false, changing: false });
  expect(refusals).toMatchObject([{ act: { kind: "pin", until: null }, error: { code: "NOT_ALLOWED" } }]);
});

function entryOf(seq: number, over: Partial<Entry>): Entry {
  const ids = { id: `e${seq}`, _id: `e${seq}`, conversationId: "c", clientMsgId: `m${seq}`, hash: `h${seq}` };
  return { ...ids, seq, mseq: 1, type: "message", createdAt: "2026-01-31T09:30:00.000Z", ...over };
}

function changed(seq: number, type: string, more: object = {}): Entry {
  return entryOf(seq, { type, change: { messageId: "e1", targetSeq: 1, targetMseq: 1, ...more } });
}

test("entries pin and unpin, a deletion unpins, and what may not be seen changes nothing", () => {
  const given = entryOf(1, { content: "Nine?" });
  const shown = withMessageChange(given, changed(2, "pinned", { until: "2026-02-01T00:00:00.000Z" }));
  expect(shown).toMatchObject({ pinned: true, pinnedUntil: "2026-02-01T00:00:00.000Z", changedSeq: 2 });
  const again = withMessageChange(shown, changed(3, "pinned"));
  expect(again).toMatchObject({ pinned: true });
  for (const entry of [changed(4, "unpinned"), changed(4, "message_deleted")])
    expect(withMessageChange(again, entry)).not.toHaveProperty("pinned");
  expect(again).not.toHaveProperty("pinnedUntil");
  expect(withMessageChange(given, changed(2, "pinned", { withheld: true }))).not.toHaveProperty("pinned");
});

test("a pin ends by the clock", () => {
  let now = Date.parse("2026-01-31T10:00:00.000Z");
  const views = new MessageViews(
    () => "me",
    () => undefined,
    () => now,
  );
  const entry = entryOf(1, { content: "Nine?", pinned: true, pinnedUntil: "2026-01-31T11:00:00.000Z" });
  expect(views.item(entry)).toMatchObject({ pinned: true, pinnedUntil: "2026-01-31T11:00:00.000Z" });
  now += 3_600_000;
  expect(views.item(entry)).toMatchObject({ pinned: false, pinnedUntil: null });
});
