import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";

const LIMIT = 40_000;
const root = resolve(import.meta.dirname, "..");
const manifest = JSON.parse(readFileSync(resolve(root, "package.json"), "utf8"));

test("the built SDK stays below 40 KB gzipped, socket.io-client aside", () => {
  for (const name of ["index.js", "index.cjs", "react.js", "react.cjs"]) {
    const size = gzipSync(readFileSync(resolve(root, "dist", name))).length;
    expect(size, `${name} has ${size} bytes gzipped`).toBeLessThan(LIMIT);
  }
});

test("everything that package.json promises is there", () => {
  const files = JSON.stringify(manifest.exports).match(/\.\/dist\/[\w.]+/g) ?? [];
  expect(files.length).toBeGreaterThanOrEqual(8);
  for (const file of files) expect(existsSync(resolve(root, file)), file).toBe(true);
});

test("it can be imported, required, and type-checked from outside", async () => {
  const imported = await import(manifest.exports["."].import.default.replace("./", `${root}/`));
  const required = createRequire(import.meta.url)(resolve(root, manifest.exports["."].require.default));
  expect(Object.keys(imported).sort()).toEqual(Object.keys(required).sort());
  expect(imported.createChat).toBeTypeOf("function");
  const hooks = await import(manifest.exports["./react"].import.default.replace("./", `${root}/`));
  expect(hooks.useMessages).toBeTypeOf("function");
  const declarations = ["index.d.ts", "index.d.cts", "react.d.ts", "react.d.cts"].map((name) =>
    resolve(root, "dist", name),
  );
  const options = ["--noEmit", "--strict", "--skipLibCheck", "false", "--lib", "ES2022,DOM", "--types", "node"];
  const module = ["--module", "nodenext", "--moduleResolution", "nodenext"];
  execFileSync(resolve(root, "node_modules/.bin/tsc"), [...options, ...module, ...declarations], { encoding: "utf8" });
});

test("it needs nothing at run time but socket.io-client", () => {
  expect(Object.keys(manifest.dependencies)).toEqual(["socket.io-client"]);
  const code = readFileSync(resolve(root, "dist/index.js"), "utf8");
  const imports = [...code.matchAll(/^import .* from "([^"]+)"/gm)].map(([, name]) => name);
  expect(imports).toEqual(["socket.io-client"]);
});
