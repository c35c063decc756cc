import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const sdk = resolve(import.meta.dirname, "../js/src");
const server = process.env.CHATAPP_URL ?? "http://localhost:3000";

/** The emoji names and groups for the picker, served from here: nothing of the app comes from elsewhere. */
function emojiData(): Plugin {
  const folder = dirname(createRequire(import.meta.url).resolve("emojibase-data/package.json"));
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const base = `assets/emoji-${version}`;
  const files = ["data.json", "messages.json"].map((name) => ({
    fileName: `${base}/en/${name}`,
    source: readFileSync(join(folder, "en", name)),
  }));
  return {
    name: "emoji-data",
    config: () => ({ define: { __EMOJI_DATA__: JSON.stringify(`/${base}`) } }),
    generateBundle() {
      for (const file of files) this.emitFile({ type: "asset", ...file });
    },
    configureServer({ middlewares }) {
      for (const { fileName, source } of files) middlewares.use(`/${fileName}`, (_, answer) => answer.end(source));
    },
  };
}

export default defineConfig({
  plugins: [react(), emojiData()],
  resolve: {
    alias: {
      "@chatapp/client/react": join(sdk, "react.ts"),
      "@chatapp/client": join(sdk, "index.ts"),
    },
    dedupe: ["react", "react-dom", "socket.io-client"],
  },
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  server: {
    proxy: {
      "/api": server,
      "/socket.io": { target: server, ws: true },
    },
  },
});
