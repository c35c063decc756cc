/** Acts on messages are shown at once, survive everything that messages survive, and are taken back when refused. */
import { expect, test } from "vitest";
import { type Message, memoryStorage, type Refused, type Timeline } from "../src/index.js";
import { openChat, pair, proxied, sees, until } from "./support/chats.js";
import type { Seen } from "./support/proxy.js";

const sends = ({ method, path }: Seen) => method === "POST" && /^\/api\/conversations\/\w+\/messages/.test(path);
const sockets = ({ path }: Seen) => path.startsWith("/socket.io");

function message({ data }: Timeline, index = 0): Message {
  return data[index] as Message;
}

test("an edit and a deletion made offline show at once, survive the end of the app, and arrive", async () => {
  const proxy = await proxied();
  const storage = memoryStorage();
  const { tini, bdbb, id } = await pair({ url: proxy.url, storage });
  const here = tini.chat.messages(id);
  for (const text of ["One", "Two"]) here.send(text);
  await sees(tini.chat, id, "One", "Two");
  await until(here, ({ data }) => data.every((item) => (item as Message).seq !== null));
  await proxy.down();
  here.edit(message(here.getSnapshot()), "Uno").catch(() => {});
  here.remove(message(here.getSnapshot(), 1)).catch(() => {});
  expect(here.getSnapshot().data).toMatchObject([
    { content: "Uno", changing: true, deleted: false },
    { content: "", changing: true, deleted: true },
  ]);
  const waiting = async () => (await storage.keys("")).filter((key) => key.includes("/r/a/")).length;
  await expect.poll(waiting).toBe(2);
  await tini.chat.close();
  await proxy.up();
  const again = openChat({ url: proxy.url, storage });
  for (const chat of [again, bdbb.chat]) {
    const { data } = await until(chat.messages(id), ({ data }) => (data[1] as Message | undefined)?.deleted === true);
    expect(data).toMatchObject([{ content: "Uno" }, { content: "", deleted: true }]);
  }
  await until(again.messages(id), ({ data }) => data.every((item) => !(item as Message).changing));
  await expect.poll(waiting).toBe(0);
});

test("what the server refuses is taken back, and says why", async () => {
  const { tini, bdbb, id } = await pair();
  tini.chat.messages(id).send("Mine");
  await sees(bdbb.chat, id, "Mine");
  const [there, refusals] = [bdbb.chat.messages(id), [] as Refused[]];
  bdbb.chat.on("refused", (refused) => refusals.push(refused));
  const edit = there.edit(message(there.getSnapshot()), "Yours");
  expect(there.getSnapshot().data).toMatchObject([{ content: "Yours", changing: true }]);
  await expect(edit).rejects.toMatchObject({ code: "NOT_ALLOWED" });
  expect(there.getSnapshot().data).toMatchObject([{ content: "Mine", changing: false, editedAt: null }]);
  expect(refusals).toMatchObject([{ act: { kind: "edit", content: "Yours" }, error: { code: "NOT_ALLOWED" } }]);
});

test("a message that is not sent yet is edited before it is, or never sent", async () => {
  const proxy = await proxied();
  const { tini, bdbb, id } = await pair({ url: proxy.url });
  await proxy.down();
  await until(tini.chat.connection, ({ status }) => status === "offline");
  const here = tini.chat.messages(id);
  const [one, two] = ["One", "Two"].map((text) => here.send(text)) as [Message, Message];
  await here.edit(two, "Zwei");
  await here.remove(one);
  expect(here.getSnapshot().data).toMatchObject([{ content: "Zwei", editedAt: null, status: "sending" }]);
  await proxy.up();
  await sees(bdbb.chat, id, "Zwei");
});

test("an edit of a message whose acknowledgement was lost follows it", async () => {
  const proxy = await proxied();
  const { tini, bdbb, id } = await pair({ url: proxy.url });
  const here = tini.chat.messages(id);
  proxy.fault("unavailable", sockets, Number.POSITIVE_INFINITY);
  proxy.fault("lose", sends, Number.POSITIVE_INFINITY);
  proxy.cut();
  await until(tini.chat.connection, ({ status }) => status === "api");
  const sent = here.send("Lost answer");
  await sees(bdbb.chat, id, "Lost answer");
  const edited = here.edit(sent, "Found");
  expect(here.getSnapshot().data).toMatchObject([{ content: "Found", changing: true }]);
  proxy.heal();
  await edited;
  await until(bdbb.chat.messages(id), (now) => message(now)?.content === "Found");
  await until(here, (now) => now.data.length === 1 && message(now).content === "Found" && !message(now).changing);
});
