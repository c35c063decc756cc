/** The real server, as a process on a free port, with an embedded store in a temporary folder. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, openSync, readFileSync, renameSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const ROOT = resolve(import.meta.dirname, "../../../..");
const PYTHON = join(ROOT, ".venv/bin/python");
const PATIENCE = 30_000;
const SETTINGS = {
  APP_ENV: "development",
  HOST: "127.0.0.1",
  JWT_SECRET: `only-for-tests-${"0".repeat(32)}`,
  ARGON2_MEMORY_KIB: "8",
  ARGON2_TIME_COST: "1",
  RATE_ANONYMOUS: "100000 per minute",
  RATE_REGISTRATIONS_ADDRESS: "100000 per minute",
  RATE_USER: "100000 per minute",
  RATE_SENDS: "100000 per minute",
  RATE_LOGIN_ACCOUNT: "100000 per minute",
  RATE_LOGIN_ADDRESS: "100000 per minute",
  RATE_CONNECTS_ADDRESS: "100000 per minute",
  DRAIN_SECONDS: "4",
  LOG_FORMAT: "json",
};

/** Below those that outgoing connections are given: such a connection would have it when the server comes back. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_240, 32_768);
    const probe = createServer();
    const isFree = await new Promise<boolean>((done) => {
      probe.once("error", () => done(false)).listen(port, "127.0.0.1", () => done(true));
    });
    await new Promise((done) => probe.close(done));
    if (isFree) return port;
  }
}

export class Server {
  private process: ChildProcess | undefined;
  private readonly folder = mkdtempSync(join(tmpdir(), "chatapp-sdk-"));

  private constructor(
    private readonly port: number,
    private readonly settings: Record<string, string>,
  ) {}

  /** A started server. `settings` are environment variables; `first` is an operator's command that runs before. */
  static async start(settings: Record<string, string> = {}, ...first: string[]): Promise<Server> {
    if (!existsSync(PYTHON)) throw new Error(`The server's Python environment is missing (${PYTHON}): run "make run".`);
    const server = new Server(await freePort(), settings);
    if (first.length > 0) await server.flask(...first);
    await server.start();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  private get environment(): Record<string, string> {
    return {
      PATH: process.env.PATH ?? "",
      FLASK_APP: "wsgi",
      PYTHONDONTWRITEBYTECODE: "1",
      ...SETTINGS,
      ...this.settings,
      PORT: String(this.port),
      INSTANCE_DIR: this.folder,
      MONGO_URI: `litemongo://${this.folder}/store`,
    };
  }

  async start(): Promise<void> {
    const options = { cwd: ROOT, env: this.environment };
    const log = openSync(join(this.folder, "server.log"), "a");
    this.process = spawn(PYTHON, ["-m", "gunicorn", "wsgi:app"], { ...options, stdio: ["ignore", log, log] });
    this.watch(this.process);
    const deadline = Date.now() + PATIENCE;
    while (!(await this.isHealthy())) {
      if (this.process.exitCode !== null || Date.now() > deadline) throw new Error(this.log());
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  /** Nobody else ends the server: when it ends by itself, say so, with its last words. */
  private watch(child: ChildProcess): void {
    child.once("exit", (code, signal) => {
      if (this.process !== child) return;
      process.stderr.write(`The server on ${this.url} ended by itself (code ${code}, ${signal}):\n${this.log()}\n`);
    });
  }

  private async isHealthy(): Promise<boolean> {
    return fetch(`${this.url}/api/health`).then(
      (answer) => answer.ok,
      () => false,
    );
  }

  log(): string {
    return readFileSync(join(this.folder, "server.log"), "utf8").slice(-3000);
  }

  /** Ends the process; `SIGKILL` gives it no time for anything. */
  async end(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const child = this.process;
    this.process = undefined;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((done) => child.once("exit", done));
    child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE);
    await ended;
    clearTimeout(timer);
  }

  /** Runs one of the operator's commands: only while the server is stopped. */
  async flask(...command: string[]): Promise<void> {
    await promisify(execFile)(PYTHON, ["-m", "flask", ...command], { cwd: ROOT, env: this.environment });
  }

  /** Runs Python with the server's settings, for what has no door: only while the server is stopped. */
  async python(code: string): Promise<void> {
    await promisify(execFile)(PYTHON, ["-c", code], { cwd: ROOT, env: this.environment });
  }

  /** A copy of the stopped server's data; `restore` puts it back, as operators do with a backup. */
  backup(): { restore: () => void } {
    const copy = mkdtempSync(join(tmpdir(), "chatapp-backup-"));
    cpSync(this.folder, copy, { recursive: true });
    return {
      restore: () => {
        rmSync(this.folder, { recursive: true });
        renameSync(copy, this.folder);
      },
    };
  }

  async stop(): Promise<void> {
    await this.end();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
