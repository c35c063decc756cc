/** The tests use the app as it is built and served: what is tested is what people get. */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");
export const SCREENSHOTS = resolve(root, "test/output");

export default function setup(): void {
  rmSync(SCREENSHOTS, { recursive: true, force: true });
  mkdirSync(SCREENSHOTS, { recursive: true });
  execFileSync("npm", ["run", "--silent", "build"], { cwd: root, stdio: "inherit" });
}
