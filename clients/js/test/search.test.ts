/** Search: messages by their words, in pages, from the server. */
import { expect, test, vi } from "vitest";
import type { FoundPage, SearchQuery } from "../src/index.js";
import { pair, proxied, sees, until } from "./support/chats.js";

test("messages are found with the places of their words, page by page, the newest first", async () => {
  const { tini, bdbb, id } = await pair();
  const texts = ["🎉 the old lighthouse", "Lighthouses at night", "nothing of the kind"];
  for (const text of texts) tini.chat.messages(id).send(text);
  await sees(bdbb.chat, id, ...texts);
  const find = (more: Partial<SearchQuery> = {}) => bdbb.chat.search({ text: "LIGHTHOUSE", in: id, ...more });
  await vi.waitFor(async () => expect((await find()).data).toHaveLength(2), { timeout: 10_000, interval: 100 });
  const first = await find({ limit: 1 });
  expect(first).toMatchObject({ more: true, data: [{ message: { content: texts[1], mine: false } }] });
  const second = await first.next();
  const [found] = second.data;
  expect(found?.highlights).toEqual([{ offset: 11, length: 10 }]);
  expect(found?.message.content.slice(11, 21)).toBe("lighthouse");
  expect((await second.next()).data).toEqual([]);
  expect((await find({ from: bdbb.user.id })).data).toEqual([]);
});

test("a query without words says what is wrong", async () => {
  const { tini } = await pair();
  await expect(tini.chat.search({ text: " " })).rejects.toMatchObject({ code: "VALIDATION_ERROR" });
});

const contents = ({ data }: FoundPage) => data.map(({ message }) => message.content);

test("the search is narrowed to a conversation, a sender, a kind and a time", async () => {
  const { tini, bdbb, id } = await pair();
  tini.chat.messages(id).send("A harbour of mine");
  await sees(bdbb.chat, id, "A harbour of mine");
  bdbb.chat.messages(id).send({ content: "A harbour at night", attachment: "https://files.example/night.jpg" });
  await sees(tini.chat, id, "A harbour of mine", "A harbour at night");
  const find = async (filters: object) => contents(await tini.chat.search({ text: "harbour", ...filters }));
  await expect.poll(() => find({})).toEqual(["A harbour at night", "A harbour of mine"]);
  expect(await find({ in: id, from: tini.user.id })).toEqual(["A harbour of mine"]);
  expect(await find({ kind: "image" })).toEqual(["A harbour at night"]);
  expect(await find({ before: new Date(0) })).toEqual([]);
  expect(await find({ after: new Date(0) })).toHaveLength(2);
});

test("a search without a connection says what it needs", async () => {
  const proxy = await proxied();
  const { tini } = await pair({ url: proxy.url });
  await proxy.down();
  await until(tini.chat.connection, ({ status }) => status === "offline");
  await expect(tini.chat.search({ text: "harbour" })).rejects.toMatchObject({
    code: "NETWORK_ERROR",
    message: "Searching messages needs a connection to the server.",
  });
});
