import { configDefaults, defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    globalSetup: "./test/support/setup.ts",
    include: ["test/**/*.test.{ts,tsx}"],
    exclude: [...configDefaults.exclude, "test/metro/**"], // `npm run test:metro`: it needs the npm registry
    testTimeout: 30_000,
    hookTimeout: 40_000,
    expect: { poll: { timeout: 15_000 } }, // as patient as `until` is
    maxWorkers: 2,
  },
});
