// Connections: what each costs to make, and in memory and CPU while nothing is said. On a process of its own.
import { cpuBetween } from "../system.js";
import { range, sleep } from "../tools.js";

const WARM_SOCKETS = 50;
const SETTLE_MS = 2500;
const INTERVALS = 2; // so that each socket is pinged at least once

export function connectionsScenario({ idle, pingSeconds }) {
  return {
    name: "connections",
    people: Math.max(...idle),
    settings: { PING_INTERVAL: String(pingSeconds) },
    figures: [
      connectFigure(idle[0]),
      ...idle.map((size) => memoryFigure(size)),
      ...idle.map((size) => idleFigure(size, pingSeconds)),
    ],
    measure: (subject) => measure(subject, subject.people.connections, idle, pingSeconds),
  };
}

const connectFigure = (size) => ({
  key: "connect",
  title: `connecting, ${size} sockets, 20 at once, per socket`,
  unit: "µs",
  primary: "cpuMicroseconds",
});

const memoryFigure = (size) => ({
  key: `memory-${size}`,
  title: `memory per idle socket, at ${size}`,
  goal: size === 5000 ? 1.0 : undefined,
  unit: "KiB",
  primary: "kibPerSocket",
});

const idleFigure = (size, pingSeconds) => ({
  key: `idle-${size}`,
  title: `CPU per idle socket and second, at ${size}, ping each ${pingSeconds} s`,
  goal: size === 5000 ? 0.5 : undefined,
  unit: "µs",
  primary: "cpuMicroseconds",
});

// All figures of one fresh process: { key: window }.
async function measure(subject, people, sizes, pingSeconds) {
  const { process } = subject;
  await warm(subject, people);
  const base = process.residentBytes();
  const sockets = [];
  const results = {};
  for (const size of sizes) {
    const connected = await connect(subject, people.slice(sockets.length, size));
    sockets.push(...connected.sockets);
    results.connect ??= connected.window;
    results[`idle-${size}`] = await idle(process, sockets, pingSeconds);
    results[`memory-${size}`] = { kibPerSocket: (process.residentBytes() - base) / size / 1024 };
  }
  subject.disconnect(people);
  return results;
}

async function warm(subject, people) {
  for (const round of range(2)) {
    const some = people.slice(WARM_SOCKETS * round, WARM_SOCKETS * (round + 1));
    await subject.connect(some);
    subject.disconnect(some);
    await sleep(SETTLE_MS / 2);
  }
}

async function connect(subject, people) {
  const before = { cpu: subject.process.cpu(), at: performance.now() };
  const sockets = await subject.connect(people);
  const wall = (performance.now() - before.at) / 1000;
  await sleep(SETTLE_MS);
  const cpu = cpuBetween(before.cpu, subject.process.cpu());
  const balance = await subject.balance();
  const operations = people.length;
  const window = {
    operations,
    cpuMicroseconds: (cpu / operations) * 1e6,
    perSecond: operations / wall,
    serverLoad: cpu / wall,
    balance,
  };
  return { sockets, window };
}

async function idle(process, sockets, pingSeconds) {
  const pings = sockets.map((socket) => socket.pings);
  const seconds = pingSeconds * INTERVALS;
  const before = process.cpu();
  await sleep(seconds * 1000);
  const cpu = cpuBetween(before, process.cpu());
  const silent = sockets.filter((socket, index) => socket.isClosed || socket.pings - pings[index] < INTERVALS - 1);
  if (silent.length) throw new Error(`${silent.length} of ${sockets.length} idle sockets were closed or not pinged`);
  return { operations: sockets.length, cpuMicroseconds: (cpu / sockets.length / seconds) * 1e6 };
}
