import { describe, expect, test } from "vitest";
import { ChatError } from "../src/index.js";
import { live, newPerson, openChat, ownServer, proxied } from "./support/chats.js";
import { HastyClock, TIME_OUTS } from "./support/clocks.js";

const nobody = { email: "nobody@test.com", password: "password123" };

async function failure(work: Promise<unknown>): Promise<ChatError> {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(ChatError);
  return thrown as ChatError;
}

test("the server's envelope becomes a ChatError with its request id", async () => {
  const error = await failure(openChat().accounts.login(nobody));
  expect(error).toMatchObject({ code: "INVALID_CREDENTIALS", statusCode: 401, retryable: false });
  expect(error.message).toBe("Invalid credentials");
  expect(error.requestId).toMatch(/\w{8}/);
});

test("a form learns which field is wrong, and how", async () => {
  const error = await failure(openChat().accounts.register({ email: "not-an-address", password: "123" }));
  expect(error.code).toBe("VALIDATION_ERROR");
  expect(Object.keys(error.fields).sort()).toEqual(["email", "password"]);
  expect(error.fields.email?.[0]).toMatch(/email/i);
});

test.each(["__proto__", "constructor"])("a field named %s is a field", (name) => {
  const details = JSON.parse(`{"${name}": ["Unknown field."]}`);
  const error = new ChatError({ code: "VALIDATION_ERROR", message: "Wrong", statusCode: 400, details });
  expect(Object.entries(error.fields)).toEqual([[name, ["Unknown field."]]]);
});

describe("on a server that takes one attempt", () => {
  const own = ownServer({ RATE_LOGIN_ACCOUNT: "1 per minute" });

  test("429 says when to try again", async () => {
    const chat = openChat({ url: own.server.url });
    await failure(chat.accounts.login(nobody));
    const error = await failure(chat.accounts.login(nobody));
    expect(error).toMatchObject({ code: "RATE_LIMITED", statusCode: 429, retryable: true });
    expect(error.retryAfter).toBeGreaterThan(0);
  });
});

test("a refused connection, a silent server and a captive portal are told apart", async () => {
  const proxy = await proxied();
  const clock = new HastyClock();
  const chat = openChat({ url: proxy.url, clock });
  proxy.fault("html", ({ path }) => path.endsWith("/login"));
  expect(await failure(chat.accounts.login(nobody))).toMatchObject({ code: "BAD_ANSWER", retryable: false });
  proxy.isBlackHole = true;
  clock.hurry(TIME_OUTS);
  expect(await failure(chat.accounts.login(nobody))).toMatchObject({ code: "TIMEOUT", retryable: true });
  clock.calm();
  await proxy.down();
  expect(await failure(chat.accounts.login(nobody))).toMatchObject({ code: "NETWORK_ERROR", retryable: true });
});

test("a search can be aborted", async () => {
  const proxy = await proxied();
  const { chat } = await newPerson("Tini", { url: proxy.url });
  proxy.fault("hang", ({ path }) => path.startsWith("/api/user/contacts"), 10);
  const controller = new AbortController();
  const search = failure(chat.contacts.search("b", { signal: controller.signal }));
  controller.abort();
  expect((await search).code).toBe("ABORTED");
});

test("what fails in the background is told to listeners, with its reason", async () => {
  const { chat } = await newPerson("Tini", {
    storage: {
      getItem: async () => null,
      setItem: () => Promise.reject(new Error("disk full")),
      removeItem: async () => {},
      getAllKeys: async () => [],
    },
  });
  const told: ChatError[] = [];
  chat.on("error", (error) => told.push(error));
  await live(chat); // nothing can be stored, and yet it works
  chat.draft("x").set("text");
  await expect
    .poll(() => told.map(({ code, message }) => [code, message.includes("disk full")]))
    .toContainEqual(["STORAGE_FAILED", true]);
});

test("calls without a session fail as SIGNED_OUT", async () => {
  const chat = openChat();
  await chat.ready;
  expect((await failure(chat.contacts.search("b"))).code).toBe("SIGNED_OUT");
});
