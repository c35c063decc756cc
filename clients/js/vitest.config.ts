import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    globalSetup: "./test/support/setup.ts",
    include: ["test/**/*.test.{ts,tsx}"],
    testTimeout: 30_000,
    hookTimeout: 40_000,
    maxWorkers: 2,
  },
});
