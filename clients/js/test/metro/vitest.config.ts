import { defineConfig } from "vitest/config";

/** Installs packages: not among the tests that run everywhere. */
export default defineConfig({
  test: { include: ["test/metro/*.test.ts"], testTimeout: 120_000, hookTimeout: 300_000 },
});
