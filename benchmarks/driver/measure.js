// A measured window: operations, the server's CPU time for them, latencies, and how much others used its core.
import { coreBusySeconds, cpuBetween } from "./system.js";
import { percentile, sleep } from "./tools.js";

const SETTLE_MS = 60; // what the server still does for the last operation belongs to it
const MOST_PENDING = 100;

// `work` gives { operations, latencies (ms) } when all is answered. The window ends when all is delivered too, and
// counts only when each message came to each socket exactly once.
export async function window(subject, work) {
  const commandsBefore = subject.isCounting ? await subject.databaseCommands() : null;
  const before = reading(subject);
  const { operations, latencies } = await work();
  await subject.allArrived();
  const finished = performance.now();
  await sleep(SETTLE_MS);
  const after = reading(subject);
  subject.verify();
  const cpu = cpuBetween(before.cpu, after.cpu);
  const wall = (finished - before.at) / 1000;
  return {
    operations,
    cpuMicroseconds: (cpu / operations) * 1e6,
    perSecond: operations / wall,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    serverLoad: cpu / wall,
    foreignLoad: Math.max(0, after.busy - before.busy - cpu) / wall,
    commands: commandsBefore === null ? null : ((await subject.databaseCommands()) - commandsBefore) / operations,
  };
}

function reading({ process }) {
  return { cpu: process.cpu(), busy: coreBusySeconds(), at: performance.now() };
}

// Each worker repeats its own operation for `seconds`: closed loop.
export async function repeated(workers, seconds) {
  const latencies = [];
  const until = performance.now() + seconds * 1000;
  const run = async (operation) => {
    for (let started = performance.now(); started < until; ) {
      await operation();
      const now = performance.now();
      latencies.push(now - started);
      started = now;
    }
  };
  await Promise.all(workers.map(run));
  return { operations: latencies.length, latencies };
}

// Operations at a fixed rate, whatever the answers take: open loop, latency counted from the planned moment. A server
// that can't keep up gets no more than MOST_PENDING at once; the others wait, and their latency says so.
export async function paced(workers, perSecond, seconds) {
  const latencies = [];
  const pending = new Set();
  let failure = null;
  const started = performance.now();
  const total = Math.floor(perSecond * seconds);
  const begin = (index) => {
    const planned = started + (index * 1000) / perSecond;
    const taken = () => latencies.push(performance.now() - planned);
    const operation = workers[index % workers.length]().then(taken, (error) => (failure ??= error));
    pending.add(operation);
    operation.finally(() => pending.delete(operation));
  };
  for (let index = 0; index < total && !failure; ) {
    const due = Math.min(total, ((performance.now() - started) * perSecond) / 1000);
    for (; index < due && pending.size < MOST_PENDING; index += 1) begin(index);
    await sleep(1);
  }
  await Promise.all(pending);
  if (failure) throw failure;
  return { operations: latencies.length, latencies };
}
