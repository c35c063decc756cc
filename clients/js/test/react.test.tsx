// @vitest-environment happy-dom
import { act, createElement, type ReactNode, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { expect, test } from "vitest";
import {
  ChatProvider,
  useAccount,
  useConnection,
  useContacts,
  useConversation,
  useConversations,
  useDraft,
  useMessages,
  usePresence,
  useSessions,
  useTyping,
  useUnread,
} from "../src/react.js";
import { pair, textsOf, until } from "./support/chats.js";

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = false;

interface Seen {
  renders: number;
  texts: string[];
  all: Record<string, unknown>;
  type: (text: string) => void;
  tell: (isTyping: boolean) => void;
}

function Everything({ id, partner, seen }: { id: string; partner: string; seen: Seen }): ReactNode {
  const [draft, setDraft] = useDraft(id);
  const [typing, setTyping] = useTyping(id);
  seen.renders++;
  seen.texts = textsOf(useMessages(id).data);
  seen.type = setDraft;
  seen.tell = setTyping;
  seen.all = {
    draft,
    typing: typing.map(({ name }) => name),
    account: useAccount().status,
    connection: useConnection().status,
    conversations: useConversations().data.length,
    title: useConversation(id)?.title,
    unread: useUnread(),
    contacts: useContacts().status,
    sessions: useSessions().data.length,
    online: usePresence(partner).online,
  };
  return createElement("p", null, seen.texts.join(", "));
}

test("hooks show what the chat knows, and follow it", async () => {
  const { tini, bdbb, id } = await pair();
  const seen: Seen = { renders: 0, texts: [], all: {}, type: () => {}, tell: () => {} };
  const place = document.body.appendChild(document.createElement("div"));
  const root = createRoot(place);
  const app = createElement(Everything, { id, partner: bdbb.user.id, seen });
  await act(async () =>
    root.render(createElement(StrictMode, null, createElement(ChatProvider, { chat: tini.chat }, app))),
  );
  bdbb.chat.messages(id).send("Hello");
  tini.chat.messages(id).send("Hi");
  await expect.poll(() => [...seen.texts].sort()).toEqual(["Hello", "Hi"]);
  expect(place.textContent).toContain("Hello");
  await expect
    .poll(() => seen.all, { timeout: 10_000 })
    .toMatchObject({
      account: "signed-in",
      connection: "live",
      conversations: 1,
      title: "Bdbb",
      contacts: "ready",
      sessions: 1,
      online: true,
    });
  seen.type("Half a sentence");
  await expect.poll(() => seen.all.draft).toBe("Half a sentence");
  seen.tell(true);
  await until(bdbb.chat.typing(id), (users) => users.length === 1);
  bdbb.chat.typing(id).set(true);
  await expect.poll(() => seen.all.typing).toEqual(["Bdbb"]);
  const drawn = async () => {
    const { renders } = seen;
    await act(async () => {});
    return seen.renders - renders;
  };
  await expect.poll(drawn).toBe(0); // where nothing changes, nothing is drawn
  await act(async () => root.unmount());
});

function Lost(): ReactNode {
  return createElement("p", null, useAccount().status);
}

test("without a provider the hooks say what is missing", async () => {
  const failures: unknown[] = [];
  const root = createRoot(document.createElement("div"), { onUncaughtError: (error) => failures.push(error) });
  root.render(createElement(Lost));
  await expect.poll(() => String(failures[0])).toContain("useChat needs a ChatProvider above.");
});
