import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    globalSetup: "./test/support/setup.ts",
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } }, // as patient as locators are
    maxWorkers: 2,
  },
});
