import { expect, test } from "vitest";
import { type ChatOptions, type Message, memoryStorage } from "../src/index.js";
import { openChat, pair, proxied, textsOf, until } from "./support/chats.js";
import { HastyClock, TIME_OUTS } from "./support/clocks.js";
import type { FaultProxy } from "./support/proxy.js";

/** A sequence of numbers below `bound`, the same for the same seed. */
function dice(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * bound);
  };
}

const FAULTS: ((proxy: FaultProxy) => Promise<void> | void)[] = [
  (proxy) => proxy.cut(),
  (proxy) => proxy.down().then(() => proxy.up()),
  (proxy) => proxy.fault("lose", ({ method }) => method === "POST", 2),
  (proxy) => proxy.fault("duplicate", ({ path }) => path.includes("/messages"), 2),
  (proxy) => proxy.fault("unavailable", ({ path }) => path.startsWith("/socket.io"), 4),
  (proxy) => {
    proxy.isMuted = !proxy.isMuted;
  },
  (proxy) => {
    proxy.isEchoing = !proxy.isEchoing;
  },
  (proxy) => {
    proxy.latency = proxy.latency ? 0 : 20;
  },
  (proxy) => {
    proxy.isBlackHole = true;
    setTimeout(() => {
      proxy.isBlackHole = false;
      proxy.cut();
    }, 150);
  },
];

test.each([1, 2, 3])("whatever the network does, both see every message once, in one order (seed %i)", async (seed) => {
  const roll = dice(seed);
  const proxies = [await proxied(), await proxied()] as const;
  const options = [
    { url: proxies[0].url, storage: memoryStorage() },
    { url: proxies[1].url, storage: memoryStorage(), transports: ["polling", "websocket"] },
  ] satisfies [Partial<ChatOptions>, Partial<ChatOptions>];
  const { tini, bdbb, id } = await pair(...options); // with patience: registering is not repeated
  await Promise.all([tini.chat.close(), bdbb.chat.close()]);
  const [first, second] = options;
  const clock = new HastyClock();
  clock.hurry(TIME_OUTS, 400);
  const people = [openChat({ ...first, clock }), openChat({ ...second, clock })] as const;
  const written: string[][] = [[], []];
  for (const chat of people) chat.messages(id).subscribe(() => {});
  for (let step = 0; step < 30; step++) {
    const who = roll(2) as 0 | 1;
    const text = `${who}-${step}`;
    written[who]?.push(text);
    people[who].messages(id).send(text);
    if (roll(2)) await FAULTS[roll(FAULTS.length)]?.(proxies[roll(2) as 0 | 1]);
    await new Promise((done) => setTimeout(done, roll(30)));
  }
  clock.calm();
  for (const proxy of proxies) {
    proxy.heal();
    proxy.cut();
  }
  const seen: string[][] = [];
  for (const chat of people) {
    const { data } = await until(chat.messages(id), (now) => {
      return now.data.length >= 30 && now.data.every((item) => (item as Message).seq !== null);
    });
    seen.push(textsOf(data));
  }
  expect(seen[0]).toEqual(seen[1]);
  for (const who of [0, 1] as const)
    expect(seen[0]?.filter((text) => text.startsWith(`${who}-`))).toEqual(written[who]);
});
