/** Forwarding: a copy shows in the other conversation at once, and is sent as any message is. */
import { expect, test } from "vitest";
import type { Message } from "../src/index.js";
import { pair, sees, until } from "./support/chats.js";

function last(data: readonly unknown[]): Message | undefined {
  return data.at(-1) as Message | undefined;
}

/** Two people with a conversation and a group. */
async function withGroup() {
  const [{ tini, bdbb, id }, others] = await Promise.all([pair(), pair()]);
  const memberIds = [bdbb.user.id, others.tini.user.id];
  const group = await tini.chat.conversations.createGroup({ name: "Crew", memberIds });
  return { tini, bdbb, id, groupId: group.id };
}

test("a forward shows at once, arrives with its hops, and can be forwarded again", async () => {
  const { tini, bdbb, id, groupId } = await withGroup();
  const [from, to] = [tini.chat.messages(id), tini.chat.messages(groupId)];
  from.send({ content: "look", attachment: "https://files.test/a.png" });
  const { data } = await until(from, ({ data }) => last(data)?.id !== null && last(data) !== undefined);
  from.forward(last(data) as Message, [groupId]);
  expect(last(to.getSnapshot().data)).toMatchObject({ content: "look", contentKind: "image", forwarded: { hops: 1 } });
  const there = await until(bdbb.chat.messages(groupId), ({ data }) => last(data)?.content === "look");
  const copy = last(there.data);
  expect(copy).toMatchObject({ forwarded: { hops: 1 }, attachment: "https://files.test/a.png", mine: false });
  bdbb.chat.messages(groupId).forward(copy as Message, [id]);
  await until(from, ({ data }) => last(data)?.forwarded?.hops === 2 && last(data)?.content === "look");
});

test("a forward of what was deleted fails, and can be made an own message", async () => {
  const { tini, bdbb, id, groupId } = await withGroup();
  const [from, to] = [tini.chat.messages(id), tini.chat.messages(groupId)];
  from.send("look");
  const [sent] = await sees(bdbb.chat, id, "look");
  await from.remove(sent?.id as string);
  from.forward(sent?.id as string, [groupId]);
  const { data } = await until(to, ({ data }) => last(data)?.status === "failed");
  expect(last(data)?.error).toMatchObject({ code: "MESSAGE_DELETED" });
  const failed = last(data) as Message;
  await to.edit(failed, "own words");
  to.retry(failed.key);
  const [arrived] = await sees(bdbb.chat, groupId, "own words");
  expect(arrived).toMatchObject({ forwarded: null });
});
