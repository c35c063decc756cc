import { expect, test } from "vitest";
import type { Message } from "../src/index.js";
import { pair, proxied, sees, until } from "./support/chats.js";

test("a message shows at once, is sent, delivered and read", async () => {
  const { tini, bdbb, id } = await pair();
  const here = tini.chat.messages(id);
  const shown = here.send("Nine?");
  expect(shown).toMatchObject({ content: "Nine?", status: "sending", mine: true, seq: null });
  expect(here.getSnapshot().data.at(-1)).toMatchObject({ key: shown.key, status: "sending" });
  await until(here, ({ data }) => data.length === 1 && (data[0] as { status: string }).status === "delivered");
  const [received] = await sees(bdbb.chat, id, "Nine?");
  expect(received).toMatchObject({ mine: false, sender: { name: "Tini" }, seq: 1 });
  bdbb.chat.messages(id).markRead();
  const { data } = await until(here, ({ data }) => (data[0] as { status: string }).status === "read");
  expect(data).toMatchObject([{ key: shown.key, readBy: 1, deliveredTo: 1 }]);
});

test("what is read while the server has not yet heard of the last is told too", async () => {
  const proxy = await proxied();
  const { tini, bdbb, id } = await pair({}, { url: proxy.url, timing: { receiptBatch: 5 } });
  const texts = ["One", "Two", "Three", "Four"];
  for (const text of texts) tini.chat.messages(id).send(text);
  const received = await sees(bdbb.chat, id, ...texts);
  proxy.latency = 100;
  for (const { seq } of received) {
    bdbb.chat.messages(id).markRead(seq as number);
    await new Promise((done) => setTimeout(done, 30));
  }
  await until(tini.chat.messages(id), ({ data }) => (data[3] as Message | undefined)?.status === "read");
});
