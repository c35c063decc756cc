// The benchmark's command: checks what it needs, runs, prints the table, writes the JSON, leaves nothing behind.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { fileURLToPath } from "node:url";

import { Database } from "./database.js";
import { readOptions, USAGE, UsageError } from "./options.js";
import { makePlan } from "./plan.js";
import { profile } from "./profile.js";
import { capacities, disturbance, summarise, table } from "./report.js";
import { Run } from "./run.js";
import { allServers, REFERENCE, ROOT } from "./servers.js";
import { Subject } from "./subject.js";
import { allowOpenFiles, canPin, pinBeside } from "./system.js";

const RESULTS = fileURLToPath(new URL("../results/", import.meta.url));
const SPARE_FILES = 1000;
const FAILED = 1;
const MISUSED = 2;
const INTERRUPTED = 130;

const cleaning = []; // what undoes the run, last first
let cleaned = null;

// Once, whoever asks first: the end of the run or a signal.
function clean() {
  cleaned ??= undoAll();
  return cleaned;
}

async function undoAll() {
  for (const undo of cleaning.reverse()) {
    try {
      await undo();
    } catch (error) {
      console.error(`cleaning: ${error.message}`);
    }
  }
}

async function main() {
  const options = readOptions(process.argv.slice(2));
  if (options.isHelp) return console.log(USAGE);
  const plan = makePlan(options);
  if (options.isList) return console.log(plan.figures.map(({ key, title }) => `${key}\t${title}`).join("\n"));
  checkOptions(plan, options);
  checkMachine();
  const { servers, database } = await prepared(options, plan);
  const run = new Run(plan, servers.map(subject(database)), say);
  return options.isProfile ? profile(run, options) : measure(run, servers, options);
}

async function measure(run, servers, options) {
  const started = new Date();
  const loadBefore = loadavg();
  await run.measure();
  say("");
  const figures = summarise(run);
  console.log(`\n${table(figures)}\n${disturbance(figures)}`);
  for (const line of capacities(figures, servers)) console.log(line);
  write({ started, options, ...machine(loadBefore), subjects: described(servers), figures, failures: run.failures });
  for (const { key, subject: name, reason } of run.failures) console.error(`failed: ${key} on ${name}: ${reason}`);
  if (run.failures.length) process.exitCode = FAILED;
}

// ---- preparing ----

function checkOptions({ figures, scenarios }, { chosen, isProfile, subjects }) {
  if (!figures.length) throw new UsageError(`no figure's key starts with ${chosen.join(" or ")}: --list prints them`);
  if (!isProfile) return;
  if (figures.length !== 1 || subjects.length !== 1) {
    throw new UsageError("a profile needs one figure and one subject: --only KEY --subject NAME");
  }
  if (scenarios[0].measure) throw new UsageError("connections can't be profiled like this: take another figure");
}

function checkMachine() {
  if (!existsSync("/proc/self/schedstat")) throw new Error("the servers' CPU time is read from /proc: use Linux");
  if (!process.env.MONGO_URI) throw new Error("MONGO_URI is missing: set it to the address of a MongoDB server");
}

// The chosen servers, and an open database beside which the driver runs on a core of its own.
async function prepared({ isQuick, subjects }, { scenarios }) {
  const scratch = mkdtempSync(`${tmpdir()}/chatapp-bench-`);
  cleaning.push(() => removeUnlessNeeded(scratch));
  const servers = chosenServers(allServers(process.env.MONGO_URI, scratch), isQuick, subjects);
  const people = scenarios.reduce((total, scenario) => total + scenario.people, 0);
  allowOpenFiles(people * servers.length + SPARE_FILES);
  const database = new Database(process.env.MONGO_URI);
  cleaning.push(() => database.close());
  await database.open();
  if (canPin) cleaning.push(pinBeside(database.pids()));
  else console.error("There is one core, or no taskset: server, driver and database share the cores.");
  return { servers: servers.map((server) => ({ ...server, log: `${scratch}/${server.name}.log` })), database };
}

function removeUnlessNeeded(scratch) {
  if (process.exitCode === FAILED && readdirSync(scratch).length) console.error(`The servers' logs are in ${scratch}`);
  else rmSync(scratch, { recursive: true, force: true });
}

function chosenServers(servers, isQuick, names) {
  const unknown = names.filter((name) => !servers.some((server) => server.name === name));
  if (unknown.length) throw new UsageError(`unknown subject ${unknown.join(", ")}`);
  const usual = servers.filter(({ isOnlyByName }) => !isOnlyByName).map(({ name }) => name);
  const wanted = names.length ? names : isQuick ? [REFERENCE, "chatapp"] : usual;
  return servers.filter(({ name }) => wanted.includes(name));
}

function subject(database) {
  return (server) => {
    const name = `bench_${process.pid}_${server.name}`;
    const made = new Subject(server, name, server.log);
    cleaning.push(() => database.drop(name));
    cleaning.push(() => made.end());
    return made;
  };
}

// ---- telling ----

function say(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  else if (text) process.stderr.write(`${text}\n`);
}

function machine(loadBefore) {
  return { commit: commit(), cpu: cpus()[0].model, cores: cpus().length, loadBefore, loadAfter: loadavg() };
}

function commit() {
  try {
    return execFileSync("git", ["-C", ROOT, "describe", "--always", "--dirty"], { encoding: "utf8" }).trim();
  } catch {
    return null; // not a checkout, or no git
  }
}

const described = (servers) => servers.map(({ name, title, version }) => ({ name, title, version: version() }));

function write(result) {
  mkdirSync(RESULTS, { recursive: true });
  const path = `${RESULTS}${result.started.toISOString().replace(/[:.]/g, "-")}.json`;
  writeFileSync(path, `${JSON.stringify(result, null, 2)}\n`);
  console.log(`All windows are in ${path}`);
}

// ---- ending ----

for (const name of ["SIGINT", "SIGTERM"]) {
  process.once(name, async () => {
    process.exitCode = INTERRUPTED;
    await clean();
    process.exit();
  });
}

try {
  await main();
} catch (error) {
  if (!cleaned) fail(error); // else a signal has ended the run, and this is what came of it
}
await clean();
process.exit();

function fail(error) {
  const isMisuse = error instanceof UsageError;
  process.exitCode = isMisuse ? MISUSED : FAILED;
  console.error(isMisuse ? `${error.message}\n\n${USAGE}` : `The benchmark can't go on: ${error.message}`);
}
