/**
 * Builds dist/: the app, then the service worker that keeps the app's files, then everything compressed for the server.
 *
 * The service worker is a build of its own, because it needs the names that the first has made.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "vite";

const root = resolve(import.meta.dirname, "..");
const dist = join(root, "dist");
const SMALLEST = 1000;
const COMPRESSIBLE = /\.(css|html|js|json|svg|webmanifest)$/;
/** Large, and not needed to open the app: fetched when somebody uses it. */
const LEFT_OUT = /\/emoji-/;

function filesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/**
 * For workbox: each file with a revision, where its name does not carry a hash already. The server gives index.html at
 * every address below /app.
 */
function precached(file) {
  const path = `/${relative(dist, file)}`;
  const url = path === "/index.html" ? "/app" : path;
  const isHashed = /^\/assets\/[^/]+-[\w-]{8}\.\w+$/.test(url);
  return {
    url,
    revision: isHashed ? null : createHash("sha256").update(readFileSync(file)).digest("hex").slice(0, 16),
  };
}

async function buildWorker(files) {
  await build({
    root,
    configFile: false,
    publicDir: false,
    logLevel: "warn",
    define: { __FILES__: JSON.stringify(files), "process.env.NODE_ENV": '"production"' },
    build: {
      outDir: dist,
      emptyOutDir: false,
      target: "es2022",
      lib: { entry: join(root, "src/sw.ts"), formats: ["iife"], name: "worker", fileName: () => "sw.js" },
    },
  });
}

/** Beside each file its compressed forms, so that the server only has to choose one. */
function compress(file) {
  const text = readFileSync(file);
  if (text.length < SMALLEST) return;
  writeFileSync(`${file}.gz`, gzipSync(text, { level: constants.Z_BEST_COMPRESSION }));
  writeFileSync(
    `${file}.br`,
    brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: text.length } }),
  );
}

process.env.NODE_ENV = "production"; // whatever the surroundings say: test runners say "test", and React listens
await build({ root, logLevel: "warn" });
const kept = filesOf(dist).filter((file) => !LEFT_OUT.test(file));
await buildWorker(kept.map(precached));
for (const file of filesOf(dist)) if (COMPRESSIBLE.test(file)) compress(file);
writeFileSync(join(dist, ".stamp"), ""); // for make: all of it is there
