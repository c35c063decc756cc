/** Apps on phones: what others see of them while they are in the background, and what they keep open there. */
import { expect, test } from "vitest";
import { defaultTiming } from "../src/clock.js";
import { live, pair, proxied, sees, until } from "./support/chats.js";
import { HastyClock } from "./support/clocks.js";
import type { Seen } from "./support/proxy.js";

const sockets = ({ path }: Seen) => path.startsWith("/socket.io");
const never = { timing: { backgroundGrace: Number.POSITIVE_INFINITY } };
const GRACE = [defaultTiming.backgroundGrace];

test("an app in the background is away for others, and gets what comes for as long as it has its socket", async () => {
  const { tini, bdbb, id } = await pair(never);
  await until(bdbb.chat.presence.of(tini.user.id), ({ online }) => online);
  tini.chat.connection.setForeground(false);
  await until(bdbb.chat.presence.of(tini.user.id), ({ online }) => !online);
  bdbb.chat.messages(id).send("Still here?");
  await sees(tini.chat, id, "Still here?");
  tini.chat.connection.setForeground(true);
  await until(bdbb.chat.presence.of(tini.user.id), ({ online }) => online);
});

test("an app in the background stays away when its connection is made anew", async () => {
  const proxy = await proxied();
  const { tini, bdbb } = await pair({ url: proxy.url, ...never });
  tini.chat.connection.setForeground(false);
  await until(bdbb.chat.presence.of(tini.user.id), ({ online }) => !online);
  const told: boolean[] = [];
  const presence = bdbb.chat.presence.of(tini.user.id);
  presence.subscribe(() => told.push(presence.getSnapshot().online));
  proxy.cut();
  await until(presence, () => told.includes(true) && !presence.getSnapshot().online);
});

test("after a while in the background the socket goes, and what was missed is there when the app comes back", async () => {
  const proxy = await proxied();
  const clock = new HastyClock();
  const { tini, bdbb, id } = await pair({ url: proxy.url, clock });
  tini.chat.connection.setForeground(false);
  clock.hurry(GRACE);
  await until(tini.chat.connection, ({ status, nextAttemptAt }) => status === "connecting" && !nextAttemptAt);
  await until(bdbb.chat.presence.of(tini.user.id), ({ online }) => !online);
  const before = proxy.count(sockets);
  bdbb.chat.messages(id).send("Missed");
  tini.chat.connection.setOnline(false); // a phone that changes networks is left alone too
  tini.chat.connection.setOnline(true);
  await until(bdbb.chat.messages(id), ({ data }) => data[0]?.kind === "message" && data[0].status === "sent");
  expect(proxy.count(sockets)).toBe(before);
  expect(tini.chat.messages(id).getSnapshot().data).toEqual([]);
  tini.chat.connection.setForeground(true);
  await sees(tini.chat, id, "Missed");
  await live(tini.chat);
  await until(bdbb.chat.presence.of(tini.user.id), ({ online }) => online);
});

test("a message that is sent from the background goes out, and the socket goes again", async () => {
  const clock = new HastyClock();
  const { tini, bdbb, id } = await pair({ clock });
  const isPaused = () => until(tini.chat.connection, (now) => now.status === "connecting" && !now.nextAttemptAt);
  tini.chat.connection.setForeground(false);
  clock.hurry(GRACE);
  await isPaused();
  clock.calm();
  tini.chat.messages(id).send("From the notification");
  await sees(bdbb.chat, id, "From the notification");
  await live(tini.chat);
  clock.hurry(GRACE);
  await isPaused();
  tini.chat.connection.setForeground(true);
  await live(tini.chat);
});

test("a short look at another app costs nothing", async () => {
  const proxy = await proxied();
  const clock = new HastyClock();
  const { tini, bdbb, id } = await pair({ url: proxy.url, clock });
  const before = proxy.count(sockets);
  tini.chat.connection.setForeground(false);
  tini.chat.connection.setForeground(true);
  clock.hurry(GRACE);
  bdbb.chat.messages(id).send("Back so soon?"); // which takes longer than what is hurried
  await sees(tini.chat, id, "Back so soon?");
  expect(tini.chat.connection.getSnapshot().status).toBe("live");
  expect(proxy.count(sockets)).toBe(before);
});
