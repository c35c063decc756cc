import type { ChatError, User } from "@chatapp/client";
import { useChat } from "@chatapp/client/react";
import { useEffect, useState } from "react";
import { toChatError } from "../lib/errors";

type Found =
  | { readonly status: "ready" | "loading"; readonly data: readonly User[] }
  | { readonly status: "error"; readonly data: readonly User[]; readonly error: ChatError };

const PAUSE = 200;
const NOBODY: readonly User[] = [];

/** People whose name or e-mail begins so, asked of the server when the user pauses. */
export function usePeople(query: string): Found & { readonly retry: () => void } {
  const chat = useChat();
  const [found, setFound] = useState<Found>({ status: "loading", data: NOBODY });
  const [attempt, setAttempt] = useState(0);
  const wanted = query.trim();
  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt is another search
  useEffect(() => {
    if (!wanted) return setFound({ status: "ready", data: NOBODY });
    const ending = new AbortController();
    setFound(({ data }) => ({ status: "loading", data }));
    const timer = setTimeout(() => {
      chat.contacts.search(wanted, { signal: ending.signal, limit: 50 }).then(
        ({ data }) => ending.signal.aborted || setFound({ status: "ready", data }),
        (thrown) => ending.signal.aborted || setFound({ status: "error", data: NOBODY, error: toChatError(thrown) }),
      );
    }, PAUSE);
    return () => {
      clearTimeout(timer);
      ending.abort();
    };
  }, [chat, wanted, attempt]);
  return { ...found, retry: () => setAttempt(attempt + 1) };
}
