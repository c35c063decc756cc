// One server process: started on its core and ended, its CPU time and memory read.
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";

import { HttpPool } from "./http.js";
import { cpuReading, pinned, residentBytes, tree } from "./system.js";
import { freePort, sleep } from "./tools.js";

const START_MS = 60_000;
const STOP_MS = 10_000;
const LOOK_MS = 100;

export class ServerProcess {
  // `server` is one of servers.js; `log` the path of its log.
  constructor(server, database, log) {
    Object.assign(this, { server, database, log, child: null, isEnded: false });
  }

  async start(settings = {}) {
    this.port = await freePort();
    const { PATH, HOME } = process.env;
    const env = { PATH, HOME, ...this.server.environment(this.port, this.database), ...settings };
    const log = openSync(this.log, "a");
    const options = { cwd: this.server.folder, env, stdio: ["ignore", log, log] };
    try {
      await this.#prepare(options);
      if (this.isEnded) throw new Error("the run has ended");
      const [command, ...words] = [...pinned, ...this.server.command];
      this.child = spawn(command, words, options);
      this.ended = exitOf(this.child);
      await this.#isHealthy();
    } finally {
      closeSync(log);
    }
  }

  async #prepare(options) {
    if (!this.server.prepare) return;
    const [command, ...words] = this.server.prepare;
    const code = await exitOf(spawn(command, words, options));
    if (code !== 0) throw new Error(`"${this.server.prepare.join(" ")}" failed, see ${this.log}`);
  }

  async #isHealthy() {
    const deadline = Date.now() + START_MS;
    const pool = new HttpPool(this.port);
    for (;;) {
      try {
        await pool.call("GET", "/api/health");
        break;
      } catch (error) {
        if (Date.now() > deadline || this.child.exitCode !== null) {
          throw new Error(`${this.server.name} did not start, see ${this.log}: ${error.message}`);
        }
        await sleep(LOOK_MS);
      }
    }
    pool.close();
  }

  // Lets it say goodbye: a killed process leaves a row behind, and its successor looks for it for a while.
  async stop() {
    if (!this.child?.pid) return;
    const { pid } = this.child;
    kill(pid, "SIGTERM");
    const hasEnded = await Promise.race([this.ended.then(() => true), sleep(STOP_MS).then(() => false)]);
    if (!hasEnded) for (const left of tree(pid).reverse()) kill(left, "SIGKILL");
    await this.ended;
    this.child = null;
  }

  get pids() {
    return tree(this.child.pid);
  }

  // The process that does the work: what a profiler attaches to.
  get busiestPid() {
    const load = (pid) => cpuReading([pid]).fine;
    return this.pids.reduce((busiest, pid) => (load(pid) > load(busiest) ? pid : busiest));
  }

  cpu() {
    return cpuReading(this.pids);
  }

  residentBytes() {
    return residentBytes(this.pids);
  }
}

function exitOf(child) {
  return new Promise((resolve) => child.once("exit", resolve).once("error", resolve));
}

function kill(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // it ended meanwhile
  }
}
