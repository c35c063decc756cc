import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { memoryStorage, type SignOutReason } from "../src/index.js";
import { live, newPerson, openChat, PASSWORD, pair, proxied, sees, until } from "./support/chats.js";

test("register signs in, and the device has its name in the list of sessions", async () => {
  const { chat, user, email } = await newPerson("Tini", { deviceName: "Tini's phone", client: "tests/1" });
  expect(user).toMatchObject({ name: "Tini", email, avatar: null });
  const { data } = await until(chat.accounts.sessions, ({ status }) => status === "ready");
  expect(data).toMatchObject([{ deviceName: "Tini's phone", client: "tests/1", current: true }]);
});

test("who signs in before storage was read stays signed in", async () => {
  const { email } = await newPerson("Tini");
  const storage = memoryStorage();
  const { read } = storage;
  storage.read = async (keys) => {
    await new Promise((done) => setTimeout(done, 300)); // a slow disk
    return read(keys);
  };
  const chat = openChat({ storage });
  await chat.accounts.login({ email, password: PASSWORD });
  await chat.ready;
  expect(chat.accounts.getSnapshot()).toMatchObject({ status: "signed-in", user: { email } });
  await live(chat);
});

test("a taken address and a wrong password are said, and nobody is signed in", async () => {
  const { email } = await newPerson("Tini");
  const chat = openChat();
  await expect(chat.accounts.register({ email, password: PASSWORD })).rejects.toMatchObject({ code: "EMAIL_IN_USE" });
  await expect(chat.accounts.login({ email, password: "wrong" })).rejects.toMatchObject({
    code: "INVALID_CREDENTIALS",
  });
  expect(chat.accounts.getSnapshot().status).toBe("signed-out");
});

test("logging out ends the session and removes everything from the device, without network too", async () => {
  const proxy = await proxied();
  const storage = memoryStorage();
  const { chat, email } = await newPerson("Tini", { url: proxy.url, storage });
  await live(chat);
  chat.draft("x").set("secret");
  await chat.accounts.logout();
  expect(chat.accounts.getSnapshot()).toEqual({ status: "signed-out", user: null, reason: "logout" });
  expect(await storage.keys("")).toEqual([expect.stringMatching(/\/device$/)]); // the device's own id: nothing of the user
  await chat.accounts.login({ email, password: PASSWORD });
  await live(chat);
  await proxy.down();
  await chat.accounts.logout();
  expect(chat.accounts.getSnapshot().status).toBe("signed-out");
  expect(await storage.keys("")).toEqual([expect.stringMatching(/\/device$/)]);
});

test("whoever sees that they are signed out has nothing left on the device, though its disk is slow", async () => {
  const storage = memoryStorage();
  const { write } = storage;
  storage.write = async (...call) => {
    await new Promise((done) => setTimeout(done, 50));
    await write(...call);
  };
  const { tini, bdbb, id } = await pair({ storage });
  const seen = new Promise<[SignOutReason, string[]]>((tell) => {
    tini.chat.on("signedOut", async (reason) => tell([reason, await storage.keys("")]));
  });
  for (const text of ["One", "Two"]) bdbb.chat.messages(id).send(text);
  await sees(tini.chat, id, "One", "Two"); // and is still being stored
  await tini.chat.accounts.logout();
  expect(await seen).toEqual(["logout", [expect.stringMatching(/\/device$/)]]);
  expect(await storage.keys("")).toEqual([expect.stringMatching(/\/device$/)]);
});

test("a changed password counts from then on, and other devices are out", async () => {
  const { chat, email } = await newPerson("Tini");
  const phone = openChat();
  await phone.accounts.login({ email, password: PASSWORD });
  await live(phone);
  await expect(chat.accounts.changePassword("wrong", "new-password")).rejects.toMatchObject({
    code: "INVALID_CREDENTIALS",
  });
  expect(chat.accounts.getSnapshot().status).toBe("signed-in");
  await chat.accounts.changePassword(PASSWORD, "new-password");
  await until(phone.accounts, ({ status }) => status === "signed-out");
  await phone.accounts.login({ email, password: "new-password" });
  await live(phone);
});

test("logging out everywhere ends all sessions", async () => {
  const { chat, email } = await newPerson("Tini");
  const phone = openChat();
  await phone.accounts.login({ email, password: PASSWORD });
  await live(phone);
  await chat.accounts.logoutEverywhere();
  expect(chat.accounts.getSnapshot().status).toBe("signed-out");
  await until(phone.accounts, ({ status }) => status === "signed-out");
});

test("a new address is taken over, a taken one is refused", async () => {
  const [tini, bdbb] = await Promise.all([newPerson("Tini"), newPerson("Bdbb")]);
  const email = `new-${randomUUID()}@test.com`;
  const currentPassword = PASSWORD;
  const phone = openChat();
  await phone.accounts.login({ email: tini.email, password: PASSWORD });
  await live(phone);
  const told = new Promise((tell) => phone.on("emailChanged", tell));
  await expect(tini.chat.accounts.updateProfile({ email })).rejects.toMatchObject({ code: "PASSWORD_REQUIRED" });
  expect(await tini.chat.accounts.updateProfile({ email, currentPassword })).toMatchObject({ email });
  expect(await told).toEqual({ before: tini.email, email });
  await until(phone.accounts, ({ user }) => user?.email === email);
  await expect(tini.chat.accounts.updateProfile({ email: bdbb.email, currentPassword })).rejects.toMatchObject({
    code: "EMAIL_IN_USE",
  });
});

test("a device keeps the id by which the server knows it again", async () => {
  const { email } = await newPerson("Tini");
  const bodies: Record<string, unknown>[] = [];
  const watched = openChat({
    storage: memoryStorage(),
    fetch: (url, init) => {
      if (String(url).endsWith("/auth/login")) bodies.push(JSON.parse(String(init?.body)));
      return fetch(url, init);
    },
  });
  for (let times = 0; times < 2; times++) {
    await watched.accounts.login({ email, password: PASSWORD });
    await watched.accounts.logout();
  }
  expect(bodies).toHaveLength(2);
  expect(bodies[0]?.deviceId).toMatch(/^[0-9a-f-]{36}$/);
  expect(bodies[1]?.deviceId).toBe(bodies[0]?.deviceId);
});

test("the server's limits are known", async () => {
  const { chat } = await newPerson("Tini");
  await live(chat);
  expect(chat.limits.getSnapshot()).toEqual({ maxTextLength: 10_000, maxTextBytes: 65_536, maxGroupSize: 256 });
});
