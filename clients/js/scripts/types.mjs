/**
 * Writes src/generated/: TypeScript types of what the server says and hears, from its own documents.
 *
 * `flask docs` gives both documents; openapi-typescript makes types of the schemas of both (AsyncAPI's are JSON
 * schemas, as OpenAPI 3.1's are). What is added here is only which socket event carries which schema.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import openapiTS, { astToString } from "openapi-typescript";

const root = resolve(import.meta.dirname, "../../..");
const out = resolve(import.meta.dirname, "../src/generated");
const python = join(root, ".venv/bin/python");

/** Both documents of the server in this checkout. */
function documents() {
  if (!existsSync(python)) {
    throw new Error(
      `The server's Python environment is missing (${python}): run "make run" or "make .venv/runtime.stamp".`,
    );
  }
  const folder = mkdtempSync(join(tmpdir(), "chatapp-docs-"));
  try {
    execFileSync(python, ["-m", "flask", "--app", "wsgi", "docs", "--out", folder], {
      cwd: root,
      env: {
        PATH: process.env.PATH,
        APP_ENV: "development",
        MONGO_URI: `litemongo://${folder}/store`,
        INSTANCE_DIR: folder,
      },
      stdio: ["ignore", "ignore", "inherit"],
    });
    const read = (name) => JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8"));
    return { openapi: read("openapi"), asyncapi: read("asyncapi") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** `interface <name> { "<event>": <type>; … }` */
function table(name, sentence, rows) {
  const lines = rows.map(([event, type]) => `  ${JSON.stringify(event)}: ${type};`);
  return `/** ${sentence} */\nexport interface ${name} {\n${lines.join("\n")}\n}\n`;
}

/** The type of a message's payload: a reference, or one beside null or a bare string. */
function typeOf(asyncapi, messageName) {
  const { payload } = asyncapi.components.messages[messageName];
  const reference = payload.$ref ?? payload.anyOf[0].$ref;
  return `components["schemas"][${JSON.stringify(reference.split("/").at(-1))}]`;
}

function eventTables(asyncapi) {
  const { messages } = asyncapi.components;
  const named = (prefix) => Object.keys(messages).filter((key) => key.startsWith(prefix));
  const rows = (prefix, wrap = (type) => type) =>
    named(prefix).map((key) => [messages[key].name, wrap(typeOf(asyncapi, key), key)]);
  const request = (type, key) => `{ payload: ${type}; ack: ${typeOf(asyncapi, key.replace("sent.", "ack."))} }`;
  return [
    table("Pushed", "What the server emits by itself.", rows("pushed.")),
    table("Requests", "What clients emit, and what the ack says.", rows("sent.", request)),
  ].join("\n");
}

const { openapi, asyncapi } = documents();
const schemas = {
  openapi: "3.1.0",
  info: asyncapi.info,
  paths: {},
  components: { schemas: asyncapi.components.schemas },
};
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
writeFileSync(join(out, "openapi.ts"), astToString(await openapiTS(openapi)));
writeFileSync(join(out, "asyncapi.ts"), `${astToString(await openapiTS(schemas))}\n${eventTables(asyncapi)}`);
