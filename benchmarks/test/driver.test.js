// The driver counts only what arrived exactly once, and computes what the table says.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { after, test } from "node:test";

import { WebSocketServer } from "ws";

import { HttpConnection, HttpPool, requestBytes } from "../driver/http.js";
import { paced, repeated, window } from "../driver/measure.js";
import { makePlan } from "../driver/plan.js";
import { balanceOf, capacities, summarise, table } from "../driver/report.js";
import { allServers } from "../driver/servers.js";
import { Subject } from "../driver/subject.js";
import { sleep } from "../driver/tools.js";

const closing = [];
after(() => {
  for (const close of closing) close();
});

// A chat server that sends every message `copies(socketIndex)` times to each of its sockets; gives its port.
async function chatServer(copies) {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  closing.push(() => server.close());
  const sockets = [];
  server.on("connection", (socket) => {
    const index = sockets.push(socket) - 1;
    socket.send('0{"sid":"x"}');
    socket.on("message", (data) => {
      const text = String(data);
      if (text.startsWith("40")) return socket.send('40{"sid":"y"}');
      const [, id, payload] = /^42(\d+)\["newMessage",(.*)\]$/.exec(text);
      sockets.forEach((other, at) => {
        for (let copy = 0; copy < copies(at); copy += 1)
          other.send(`42["newMessage",{"success":true,"data":${payload}}]`);
      });
      return sockets[index].send(`43${id}[{"success":true}]`);
    });
  });
  await new Promise((resolve) => server.once("listening", resolve));
  return server.address().port;
}

async function windowOf(copies) {
  const subject = new Subject({ name: "fake" }, "none", "none");
  subject.process = { port: await chatServer(copies), cpu: () => ({ fine: 0, coarse: 0, processes: 1 }) };
  const people = [{ token: "a" }, { token: "b" }, { token: "c" }];
  await subject.connect(people);
  const conversation = { id: "1", members: people, sends: 0, checksum: 0 };
  subject.conversations.push(conversation);
  const work = async () => {
    const { acknowledged, delivered } = subject.send(conversation, 100);
    await acknowledged;
    await Promise.race([delivered, sleep(100)]);
    subject.underWay.clear(); // so that the test does not wait for what never comes
    return { operations: 1, latencies: [1] };
  };
  try {
    return await window(subject, work);
  } finally {
    subject.disconnect(people);
  }
}

test("a window counts when every socket got every message once", async () => {
  assert.equal((await windowOf(() => 1)).operations, 1);
});

test("a window with a lost delivery does not count", async () => {
  await assert.rejects(
    windowOf((at) => (at === 1 ? 0 : 1)),
    /1 of 3 sockets did not get exactly their messages/,
  );
});

test("a window with a doubled delivery does not count", async () => {
  await assert.rejects(
    windowOf((at) => (at === 2 ? 2 : 1)),
    /1 of 3 sockets did not get exactly their messages/,
  );
});

test("an answer that comes in pieces is one answer, and the next one starts after it", async () => {
  const server = createServer((socket) => {
    socket.on("data", async () => {
      for (const piece of ["HTTP/1.1 200 OK\r\nContent-", "Length: 5\r\n\r\nhe", "llo"]) {
        socket.write(piece);
        await sleep(5);
      }
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const connection = await new HttpConnection(server.address().port).open();
  for (const _ of [1, 2]) {
    const { status, body } = await connection.request(requestBytes("GET", "/"));
    assert.deepEqual([status, String(body)], [200, "hello"]);
  }
  connection.close();
  server.close();
});

test("each worker has one operation under way", async () => {
  let [underWay, most] = [0, 0];
  const worker = async () => {
    most = Math.max(most, ++underWay);
    await sleep(2);
    underWay -= 1;
  };
  await repeated([worker, worker, worker], 0.05);
  assert.equal(most, 3);
});

test("at a fixed rate a server that can't keep up is not flooded, and its latency grows", async () => {
  let [underWay, most] = [0, 0];
  const slow = async () => {
    most = Math.max(most, ++underWay);
    await sleep(100);
    underWay -= 1;
  };
  const { operations, latencies } = await paced([slow], 2000, 0.25);
  assert.equal(operations, 500);
  assert.ok(most <= 100);
  assert.ok(latencies.at(-1) > latencies[0], "latency counts from the planned moment");
});

test("a failed operation at a fixed rate fails the window", async () => {
  await assert.rejects(paced([() => Promise.reject(new Error("refused"))], 100, 0.05), /refused/);
});

test("ratios are of the windows of one round", () => {
  const figure = { key: "list", title: "list", unit: "µs", primary: "cpuMicroseconds", goal: 0.7 };
  const windows = (...values) => values.map((cpuMicroseconds, round) => ({ round, cpuMicroseconds }));
  const run = {
    plan: { figures: [figure] },
    subjects: [{ name: "node" }, { name: "chatapp" }],
    windows: { list: { node: windows(10, 20, 40), chatapp: windows(5, 10, 40).slice(1) } },
    commands: { list: { chatapp: 2 } },
  };
  const [summary] = summarise(run);
  const [reference, own] = summary.rows;
  assert.deepEqual([reference.value, own.value], [20, 25]);
  assert.deepEqual(own.ratio, { middle: 0.75, least: 0.5, most: 1 });
  assert.match(table([summary]), /chatapp +25\.0 +µs +60 % +0\.75 +0\.50–1\.00 +≤ 0\.7 no .* 2\.00$/m);
});

test("without the reference the first one is compared with, and no goal is judged", () => {
  const figure = { key: "list", title: "list", unit: "µs", primary: "cpuMicroseconds", goal: 0.7 };
  const windows = (cpuMicroseconds) => [{ round: 0, cpuMicroseconds }];
  const run = {
    plan: { figures: [figure] },
    subjects: [{ name: "before" }, { name: "chatapp" }],
    windows: { list: { before: windows(10), chatapp: windows(5) } },
    commands: {},
  };
  const [{ goal, rows }] = summarise(run);
  assert.equal(goal, null);
  assert.deepEqual([rows[0].ratio, rows[1].ratio.middle], [null, 0.5]);
});

test("several workers are measured when they are asked for, and by what they can do beside one", () => {
  const servers = allServers("mongodb://127.0.0.1/", "/nowhere");
  const several = servers.filter(({ isOnlyByName }) => isOnlyByName);
  assert.deepEqual(
    several.map(({ name, environment }) => [name, environment(1, "x").WEB_CONCURRENCY]),
    [
      ["chatapp-2", "2"],
      ["chatapp-4", "4"],
    ],
  );
  assert.equal(balanceOf([30, 30]), 1);
  assert.equal(balanceOf([40, 20]), 4 / 3);
  assert.equal(balanceOf([]), null);
  const row = (subject, value, balance) => ({ subject, value, windows: [{ balance }] });
  const figure = {
    key: "connect",
    primary: "cpuMicroseconds",
    rows: [row("chatapp", 100), row("chatapp-2", 80, 1.25)],
  };
  assert.deepEqual(capacities([figure], servers), [
    "connect: chatapp-2 can do 2.00 × what one worker does (busiest worker's sockets ÷ mean 1.25)",
  ]);
});

test("what is chosen is measured, with what it depends on", () => {
  const keys = (chosen) => makePlan({ chosen }).figures.map(({ key }) => key);
  assert.deepEqual(keys(["health", "paced"]), ["health", "send-10-20", "paced-10"]);
  assert.deepEqual(keys(["fan-out-alone-250"]), ["fan-out-50-250", "fan-out-1000-250", "fan-out-alone-250"]);
  assert.deepEqual(keys(["nothing"]), []);
});

test("a connection that the server has closed is not used again", async () => {
  const server = createServer((socket) => {
    socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const pool = new HttpPool(server.address().port);
  for (const _ of [1, 2]) {
    assert.deepEqual(await pool.call("GET", "/"), {});
    await sleep(50); // the end of the connection arrives
  }
  pool.close();
  server.close();
});
