/** Search: messages by their words, in pages, from the server. */
import { expect, test, vi } from "vitest";
import type { SearchQuery } from "../src/index.js";
import { pair, sees } from "./support/chats.js";

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
