// What Linux tells of processes and cores, and which core a process may use.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

const TICKS_PER_SECOND = Number(execFileSync("getconf", ["CLK_TCK"]));
const PAGE_BYTES = Number(execFileSync("getconf", ["PAGESIZE"]));
const STAT_TOLERANCE_SECONDS = 2 / TICKS_PER_SECOND; // utime and stime are rounded down to ticks
const SERVER_CORE = 0;
const OTHER_CORES = availableParallelism() > 2 ? `1-${availableParallelism() - 1}` : "1";

export const canPin = availableParallelism() >= 2 && isInstalled("taskset");

function isInstalled(command) {
  try {
    execFileSync("which", [command], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

// The words to put before a server's command.
export const pinned = canPin ? ["taskset", "-c", String(SERVER_CORE)] : [];

function orElse(fallback, read) {
  try {
    return read();
  } catch {
    return fallback; // the process ended meanwhile
  }
}

// The fields of /proc/<pid>/stat from the third on: a name may contain spaces and brackets.
function stat(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, "latin1");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

export function processes() {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
}

// The process and its descendants.
export function tree(root) {
  const children = new Map();
  for (const pid of processes()) {
    const parent = orElse(null, () => Number(stat(pid)[1]));
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const found = [root];
  for (let at = 0; at < found.length; at += 1) found.push(...(children.get(found[at]) ?? []));
  return found;
}

// Seconds of CPU used so far: `fine` in nanoseconds but without threads that ended, `coarse` in whole ticks.
export function cpuReading(pids) {
  return {
    fine: sum(pids, (pid) => sum(threads(pid), nanoseconds)) / 1e9,
    coarse: sum(pids, ticks) / TICKS_PER_SECOND,
    processes: pids.length,
  };
}

export function cpuBetween(before, after) {
  const leastByTicks = after.coarse - before.coarse - STAT_TOLERANCE_SECONDS * after.processes;
  return Math.max(after.fine - before.fine, leastByTicks);
}

const sum = (items, value) => items.reduce((total, item) => total + value(item), 0);

const threads = (pid) => orElse([], () => readdirSync(`/proc/${pid}/task`).map((thread) => `${pid}/task/${thread}`));

const nanoseconds = (thread) =>
  orElse(0, () => Number(readFileSync(`/proc/${thread}/schedstat`, "latin1").split(" ")[0]));

function ticks(pid) {
  return orElse(0, () => {
    const fields = stat(pid); // utime and stime, its own and those of children that ended
    return Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14]);
  });
}

export function residentBytes(pids) {
  return (
    sum(pids, (pid) => orElse(0, () => Number(readFileSync(`/proc/${pid}/statm`, "latin1").split(" ")[1]))) * PAGE_BYTES
  );
}

// Seconds that the servers' core was busy, whoever used it.
export function coreBusySeconds() {
  const line = readFileSync("/proc/stat", "latin1").match(new RegExp(`^cpu${SERVER_CORE} (.*)$`, "m"));
  const [user, nice, system, , , interrupts, softInterrupts] = line[1].split(" ").map(Number);
  return (user + nice + system + interrupts + softInterrupts) / TICKS_PER_SECOND;
}

// Puts the driver and these processes on the other cores; gives a function that undoes it for the processes.
export function pinBeside(roots) {
  if (!canPin) return () => {};
  const before = new Map(roots.flatMap(tree).map((pid) => [pid, allowedCores(pid)]));
  for (const pid of [process.pid, ...before.keys()]) setCores(pid, OTHER_CORES);
  const usual = [...before.values()][0];
  return () => {
    for (const pid of new Set(roots.flatMap(tree))) setCores(pid, before.get(pid) ?? usual);
  };
}

function allowedCores(pid) {
  return orElse(null, () => readFileSync(`/proc/${pid}/status`, "latin1").match(/Cpus_allowed_list:\s*(\S+)/)[1]);
}

function setCores(pid, cores) {
  orElse(null, () => execFileSync("taskset", ["-a", "-p", "-c", cores, String(pid)], { stdio: "ignore" }));
}

// Lets this process, and those it starts, open this many files. Says what to do where it may not.
export function allowOpenFiles(count) {
  const soft = Number(readFileSync("/proc/self/limits", "latin1").match(/Max open files\s+(\d+)/)[1]);
  if (soft >= count) return;
  try {
    execFileSync("prlimit", [`--pid=${process.pid}`, `--nofile=${count}:${count}`], { stdio: "ignore" });
  } catch {
    throw new Error(
      `${count} open files are needed and ${soft} allowed: run "ulimit -n ${count}" before, as root if need be`,
    );
  }
}
