// What is measured, and how each is started.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const REFERENCE = "node";
const SECRET = "only-for-benchmarks-".padEnd(48, "0");
export const METRICS_TOKEN = "only-for-benchmarks";
const LARGEST_GROUP = 2000;
const MOST_SOCKETS = 10_000;
const WORKERS = [2, 4];

function common(mongoUri, port, database) {
  return {
    PORT: String(port),
    MONGO_URI: mongoUri,
    MONGO_DATABASE: database,
    JWT_SECRET: SECRET,
    PING_INTERVAL: "25",
    PING_TIMEOUT: "60",
  };
}

function reference(mongoUri) {
  return {
    name: REFERENCE,
    title: "the reference: Node, Express 5, Socket.IO 4.8, Mongoose",
    folder: `${ROOT}benchmarks/reference`,
    command: [process.execPath, "server.js"],
    environment: (port, database) => ({ ...common(mongoUri, port, database), NODE_ENV: "production" }),
    version: () => `Node ${process.version}`,
  };
}

function chatapp(mongoUri, { name, title, engine = name, folder = ROOT, workers = 1 }, scratch) {
  const python = pythonPath(folder);
  return {
    name,
    title,
    folder,
    workers,
    isOnlyByName: workers > 1,
    prepare: [python, "-m", "flask", "--app", "wsgi", "migrate"],
    command: [python, "-m", "gunicorn", "wsgi:app"],
    environment: (port, database) => ({
      ...common(mongoUri, port, database),
      APP_ENV: "production",
      ENGINE: engine,
      WEB_CONCURRENCY: String(workers),
      HOST: "127.0.0.1",
      CORS_ORIGINS: "https://chat.example.com",
      INSTANCE_DIR: scratch,
      LOG_LEVEL: "WARNING",
      METRICS_TOKEN,
      MAX_GROUP_SIZE: String(LARGEST_GROUP),
      MAX_SOCKETS_PER_ADDRESS: String(MOST_SOCKETS),
      RATE_LIMITS_ENABLED: "false",
    }),
    version: () => execFileSync(python, ["--version"], { encoding: "utf8" }).trim(),
  };
}

function pythonPath(folder) {
  const own = `${folder}.venv/bin/python`;
  return process.env.BENCH_PYTHON ?? (existsSync(own) ? own : "python3");
}

// All servers; `scratch` is a folder for what they may write.
export function allServers(mongoUri, scratch) {
  return [
    reference(mongoUri),
    ...earlier().map((row) => chatapp(mongoUri, row, scratch)),
    chatapp(mongoUri, { name: "chatapp", title: "chatapp" }, scratch),
    ...WORKERS.map((workers) => chatapp(mongoUri, severalWorkers(workers), scratch)),
    chatapp(mongoUri, { name: "stock", title: "chatapp on the libraries' own socket server (ENGINE=stock)" }, scratch),
  ];
}

const severalWorkers = (workers) => ({
  name: `chatapp-${workers}`,
  title: `chatapp with WEB_CONCURRENCY=${workers}`,
  engine: "chatapp",
  workers,
});

// Another checkout of chatapp, with its own .venv, where BENCH_BEFORE names one.
function earlier() {
  const folder = process.env.BENCH_BEFORE;
  if (!folder) return [];
  return [{ name: "before", title: `chatapp in ${folder}`, engine: "chatapp", folder: `${resolve(folder)}/` }];
}

// What the others are compared with: the reference where it is measured, else the first.
export function comparedWith(names) {
  return names.includes(REFERENCE) ? REFERENCE : names[0];
}
