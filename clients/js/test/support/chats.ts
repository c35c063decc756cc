/** Chats of people who exist, and waiting for what they see. */
import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, inject } from "vitest";
import {
  type Chat,
  type ChatOptions,
  createChat,
  type Message,
  memoryStorage,
  type Observable,
  type Timing,
  type User,
} from "../../src/index.js";
import { FaultProxy } from "./proxy.js";
import { Server } from "./server.js";

/** As patient as a person, but quicker to try again. */
export const QUICK: Partial<Timing> = {
  retryFirst: 40,
  retryMost: 400,
  socketRetry: 200,
  hold: 40,
  receiptBatch: 40,
  probeTimeout: 500,
  leaderSilence: 300,
};

export interface Person {
  readonly chat: Chat;
  readonly user: User;
  readonly email: string;
}

const closing: (() => Promise<unknown>)[] = [];

/** Runs at the end of the test, last added first. */
export function later(close: () => Promise<unknown>): void {
  closing.push(close);
}

afterEach(async () => {
  while (closing.length > 0) await closing.pop()?.();
});

export function serverUrl(): string {
  return inject("url");
}

export async function proxied(target: string = serverUrl()): Promise<FaultProxy> {
  const proxy = await FaultProxy.start(target);
  later(() => proxy.stop());
  return proxy;
}

/**
 * A server for the tests that are declared beside it: to be killed, or with settings of its own. It is started before
 * them, because that takes longer than they do. `first` is an operator's command that runs before.
 */
export function ownServer(settings: Record<string, string> = {}, ...first: string[]): { readonly server: Server } {
  const own = {} as { server: Server };
  beforeAll(async () => {
    own.server = await Server.start(settings, ...first);
  });
  afterAll(() => own.server?.stop());
  return own;
}

export function openChat(options: Partial<ChatOptions> = {}): Chat {
  const { timing, ...rest } = options;
  const chat = createChat({
    url: serverUrl(),
    storage: memoryStorage(),
    transports: ["websocket"],
    ...rest,
    timing: { ...QUICK, ...timing },
  });
  later(() => chat.close());
  return chat;
}

export const PASSWORD = "password123";

export async function newPerson(name: string, options: Partial<ChatOptions> = {}): Promise<Person> {
  const chat = openChat(options);
  const email = `${name.toLowerCase()}-${randomUUID().slice(0, 8)}@test.com`;
  const user = await chat.accounts.register({ email, password: PASSWORD, name });
  return { chat, user, email };
}

/** The snapshot, as soon as it fulfils the condition; as long as it changes, there is hope. */
export function until<T>(observable: Observable<T>, holds: (value: T) => boolean, patience = 15_000): Promise<T> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      unsubscribe();
      settle();
    };
    const look = () => {
      const value = observable.getSnapshot();
      if (holds(value)) finish(() => resolve(value));
      else timer.refresh();
    };
    const timer = setTimeout(() => {
      const text = JSON.stringify(observable.getSnapshot(), null, 1).slice(0, 2000);
      finish(() => reject(new Error(`Never came true: ${holds}\n${text}`)));
    }, patience);
    const unsubscribe = observable.subscribe(look);
    look();
  });
}

export function live(chat: Chat): Promise<unknown> {
  return until(chat.connection, (state) => state.status === "live");
}

/** The texts of a conversation as somebody sees them, once they are these. */
export async function sees(chat: Chat, conversationId: string, ...texts: string[]): Promise<readonly Message[]> {
  const timeline = await until(chat.messages(conversationId), (now) => {
    return texts.length === now.data.length && textsOf(now.data).join("\n") === texts.join("\n");
  });
  return timeline.data as readonly Message[];
}

export function textsOf(items: readonly { kind: string; content?: string }[]): string[] {
  return items.flatMap((item) => (item.kind === "message" ? [item.content as string] : []));
}

/** Two people who are connected and have a conversation. */
export async function pair(
  first: Partial<ChatOptions> = {},
  second: Partial<ChatOptions> = {},
): Promise<{ tini: Person; bdbb: Person; id: string }> {
  const [tini, bdbb] = await Promise.all([newPerson("Tini", first), newPerson("Bdbb", second)]);
  await Promise.all([live(tini.chat), live(bdbb.chat)]);
  const { id } = await tini.chat.conversations.openDirect(bdbb.user.id);
  await until(bdbb.chat.conversations.one(id), (conversation) => conversation !== null);
  return { tini, bdbb, id };
}
