/** Kinds of messages: the same before they are sent and after. */
import { expect, test } from "vitest";
import { contentKind } from "../src/content-kind.js";
import type { Message } from "../src/index.js";
import { pair, until } from "./support/chats.js";

test("the ending of the attachment's path decides, as on the server", () => {
  const of = (name: string) => contentKind(`https://files.test/${name}`);
  expect(contentKind(null)).toBe("text");
  expect([of("a.PNG?size=2"), of("film.mov#t=3"), of("note.m4a")]).toEqual(["image", "video", "voice"]);
  expect([of("a.png.pdf"), of("png"), of("a.mp4/"), of("?name=a.png")]).toEqual(Array(4).fill("document"));
  expect([contentKind("https://video.mov"), contentKind("/media/ab/cd.jpeg")]).toEqual(["document", "image"]);
});

test("a picture is an image from the optimistic message on, on both sides", async () => {
  const { tini, bdbb, id } = await pair();
  const here = tini.chat.messages(id);
  expect(here.send({ attachment: "https://files.test/a.png" })).toMatchObject({ contentKind: "image", id: null });
  for (const chat of [tini.chat, bdbb.chat]) {
    const { data } = await until(chat.messages(id), ({ data }) => data.some((item) => (item as Message).id));
    expect(data).toMatchObject([{ kind: "message", contentKind: "image" }]);
  }
});
