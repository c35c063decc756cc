import { expect, test } from "vitest";
import type { ConversationEvent, TimelineItem } from "../src/index.js";
import { live, newPerson, openChat, PASSWORD, type Person, proxied, sees, until } from "./support/chats.js";
import type { Seen } from "./support/proxy.js";

const sockets = ({ path }: Seen) => path.startsWith("/socket.io");

async function group(url?: string): Promise<{ id: string; people: [Person, Person, Person]; outsider: Person }> {
  const names = ["Tini", "Bdbb", "Krish", "Suvankar"];
  const [tini, bdbb, krish, suvankar] = (await Promise.all(
    names.map((name, index) => newPerson(name, url && index === 0 ? { url } : {})),
  )) as [Person, Person, Person, Person];
  await Promise.all([bdbb, krish, suvankar].map(({ chat }) => live(chat)));
  await until(tini.chat.connection, ({ status }) => status === "live" || status === "api");
  const { id } = await tini.chat.conversations.createGroup({ name: "Walks", memberIds: [bdbb.user.id, krish.user.id] });
  for (const { chat } of [tini, bdbb, krish]) await until(chat.conversations.one(id), (now) => now !== null);
  return { id, people: [tini, bdbb, krish], outsider: suvankar };
}

function changes(items: readonly TimelineItem[]): ConversationEvent["change"][] {
  return items.flatMap((item) => (item.kind === "event" ? [item.change] : []));
}

test("the life of a group: founded, renamed, joined, promoted, left, taken out, handed over", async () => {
  const { id, people, outsider } = await group();
  const [tini, bdbb, krish] = people;
  const { conversations } = tini.chat;
  expect(conversations.get(id)).toMatchObject({ type: "group", title: "Walks", role: "owner", isMember: true });
  expect(bdbb.chat.conversations.get(id)).toMatchObject({ title: "Walks", role: "member" });

  await conversations.change(id, { name: "Long walks" });
  await until(krish.chat.conversations.one(id), (now) => now?.title === "Long walks");

  await conversations.addMembers(id, [outsider.user.id]);
  const joined = await until(outsider.chat.conversations.one(id), (now) => now !== null);
  expect(joined?.members.map(({ name }) => name).sort()).toEqual(["Bdbb", "Krish", "Suvankar", "Tini"]);

  await conversations.changeRole(id, bdbb.user.id, "admin");
  await until(bdbb.chat.conversations.one(id), (now) => now?.role === "admin");

  await bdbb.chat.conversations.removeMember(id, krish.user.id);
  const out = await until(krish.chat.conversations.one(id), (now) => now?.isMember === false);
  expect(out).toMatchObject({ role: null, unreadCount: 0 });

  await expect(conversations.leave(id)).rejects.toMatchObject({ code: "LAST_OWNER", statusCode: 409 });
  await conversations.handOver(id, bdbb.user.id);
  await until(bdbb.chat.conversations.one(id), (now) => now?.role === "owner");
  await conversations.leave(id);
  await until(conversations.one(id), (now) => now?.isMember === false);

  const { data } = await until(bdbb.chat.messages(id), ({ data }) => changes(data).length === 6);
  expect(changes(data)).toMatchObject([
    { type: "conversation_changed", name: "Long walks" },
    { type: "member_added", members: [{ name: "Suvankar" }] },
    { type: "role_changed", roles: [{ userId: bdbb.user.id, role: "admin" }] },
    { type: "member_removed", userId: krish.user.id, name: "Krish" },
    { type: "role_changed" },
    { type: "member_left", userId: tini.user.id, name: "Tini" },
  ]);
});

test("somebody who was taken out keeps what they saw, hears nothing more, and what they send fails", async () => {
  const { id, people } = await group();
  const [tini, bdbb, krish] = people;
  tini.chat.messages(id).send("All together");
  await sees(krish.chat, id, "All together");
  await tini.chat.conversations.removeMember(id, krish.user.id);
  await until(krish.chat.conversations.one(id), (now) => now?.isMember === false);
  tini.chat.messages(id).send("Without Krish");
  await until(bdbb.chat.messages(id), ({ data }) => data.length === 3);
  krish.chat.messages(id).send("Hello?");
  const { data } = await until(krish.chat.messages(id), ({ data }) => {
    const last = data.at(-1);
    return last?.kind === "message" && last.status === "failed";
  });
  expect(data).toMatchObject([
    { content: "All together" },
    { change: { type: "member_removed" } },
    { content: "Hello?" },
  ]);
  expect(data.at(-1)).toMatchObject({ error: { code: "NOT_ALLOWED", statusCode: 403 } });
});

test("somebody who comes back into a group sees it go on", async () => {
  const { id, people } = await group();
  const [tini, , krish] = people;
  await krish.chat.conversations.leave(id);
  tini.chat.messages(id).send("Krish is away");
  await until(tini.chat.messages(id), ({ data }) =>
    data.some((row) => row.kind === "message" && row.status !== "sending"),
  );
  await tini.chat.conversations.addMembers(id, [krish.user.id]);
  await until(krish.chat.conversations.one(id), (now) => now?.isMember === true);
  tini.chat.messages(id).send("Welcome back");
  await until(krish.chat.messages(id), ({ data }) => data.at(-1)?.kind === "message");
});

test("who has read a message of a group is counted", async () => {
  const { id, people } = await group();
  const [tini, bdbb, krish] = people;
  tini.chat.messages(id).send("Who is coming?");
  await until(tini.chat.messages(id), ({ data }) => data[0]?.kind === "message" && data[0].deliveredTo === 2);
  bdbb.chat.messages(id).markRead();
  const one = await until(tini.chat.messages(id), ({ data }) => data[0]?.kind === "message" && data[0].readBy === 1);
  expect(one.data[0]).toMatchObject({ status: "delivered", deliveredTo: 2 });
  krish.chat.messages(id).markRead();
  await until(tini.chat.messages(id), ({ data }) => data[0]?.kind === "message" && data[0].status === "read");
});

test("a group can be run without a socket", async () => {
  const proxy = await proxied();
  proxy.fault("unavailable", sockets, Number.POSITIVE_INFINITY);
  const { id, people, outsider } = await group(proxy.url);
  const [tini, bdbb] = people;
  await tini.chat.conversations.change(id, { name: "By HTTP" });
  await until(tini.chat.conversations.one(id), (now) => now?.title === "By HTTP");
  await tini.chat.conversations.addMembers(id, [outsider.user.id]);
  await until(outsider.chat.conversations.one(id), (now) => now?.title === "By HTTP");
  await bdbb.chat.conversations.leave(id);
  await until(tini.chat.conversations.one(id), (now) => now?.members.length === 3);
});

test("a hidden conversation is gone from the own list until the next message, and from no other", async () => {
  const { id, people } = await group();
  const [tini, bdbb] = people;
  tini.chat.messages(id).send("Old");
  await sees(bdbb.chat, id, "Old");
  await bdbb.chat.conversations.hide(id);
  await until(bdbb.chat.conversations, ({ data }) => data.length === 0);
  expect(tini.chat.conversations.getSnapshot().data).toHaveLength(1);
  tini.chat.messages(id).send("New");
  await until(bdbb.chat.conversations, ({ data }) => data[0]?.lastMessage?.content === "New");
  await sees(bdbb.chat, id, "New");
});

test("of a large group the list knows some members and the count; who looks at it sees all", async () => {
  const tini = await newPerson("Tini");
  const others = await Promise.all(Array.from({ length: 15 }, (_, number) => newPerson(`Walker${number}`)));
  const last = others[14] as Person;
  const memberIds = others.map(({ user }) => user.id);
  const { id } = await tini.chat.conversations.createGroup({ name: "Walks", memberIds });
  tini.chat.messages(id).send("Who comes along?");

  const chat = openChat();
  await chat.accounts.login({ email: last.email, password: PASSWORD });
  const { data } = await until(chat.conversations, ({ data }) => data.length === 1);
  expect(data[0]).toMatchObject({ memberCount: 16, role: "member" });
  expect(data[0]?.members).toHaveLength(12);
  const mine = chat.messages(id).send("Me!");
  await until(chat.messages(id), ({ data }) => data.some((item) => item.key === mine.key && item.kind === "message"));

  const looking = chat.conversations.one(id).subscribe(() => {});
  const whole = await until(chat.conversations.one(id), (now) => now?.members.length === 16);
  expect(whole?.memberCount).toBe(16);
  expect(new Set(whole?.members.map(({ id }) => id))).toEqual(new Set([tini.user.id, ...memberIds]));

  await tini.chat.conversations.removeMember(id, memberIds[3] as string);
  const left = await until(chat.conversations.one(id), (now) => now?.memberCount === 15);
  expect(left?.members).toHaveLength(15);
  looking();
});
