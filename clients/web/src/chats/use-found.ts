import type { ChatError, FoundMessage, FoundPage, SearchQuery } from "@chatapp/client";
import { useChat, useConnection } from "@chatapp/client/react";
import { useEffect, useRef, useState } from "react";
import { toChatError } from "../lib/errors";

interface Found {
  /** The query that this answers. */
  readonly asked: string;
  readonly status: "ready" | "loading" | "error";
  readonly data: readonly FoundMessage[];
  readonly error?: ChatError;
  /** The page after these. */
  readonly page?: FoundPage;
  readonly loadingMore: boolean;
}

const PAUSE = 250;
const NOTHING: Found = { asked: "", status: "ready", data: [], loadingMore: false };

/** Messages with these words, asked of the server when the user pauses; those of before stay until the others are there. */
export function useFound(query: Pick<SearchQuery, "text" | "in" | "from" | "kind">) {
  const chat = useChat();
  const [found, setFound] = useState<Found>(NOTHING);
  const [attempt, setAttempt] = useState(0);
  const ending = useRef(new AbortController());
  const { text } = query;
  const asked = text && JSON.stringify(query);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the query is in `asked`, and another attempt is another search
  useEffect(() => {
    if (!text) return setFound(NOTHING);
    ending.current = new AbortController();
    const { signal } = ending.current;
    setFound(({ data }) => ({ asked, status: "loading", data, loadingMore: false }));
    const show = (next: Omit<Found, "asked">) => signal.aborted || setFound({ asked, ...next });
    const timer = setTimeout(() => {
      chat.search({ ...query, signal }).then(
        (page) => show({ status: "ready", data: page.data, page, loadingMore: false }),
        (thrown) => {
          const error = toChatError(thrown);
          const isWordless = error.code === "VALIDATION_ERROR"; // signs alone are in no index
          show({ data: [], loadingMore: false, ...(isWordless ? { status: "ready" } : { status: "error", error }) });
        },
      );
    }, PAUSE);
    return () => {
      clearTimeout(timer);
      ending.current.abort();
    };
  }, [chat, asked, attempt]);

  const { status: link } = useConnection();
  const isConnected = link === "live" || link === "api";
  const hasFailed = found.status === "error";
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the connection comes back
  useEffect(() => {
    if (isConnected && hasFailed) setAttempt((before) => before + 1);
  }, [isConnected]);

  const loadMore = () => {
    const { signal } = ending.current;
    const show = (next: (before: Found) => Found) => signal.aborted || setFound(next);
    show(({ error: _, ...before }) => ({ ...before, loadingMore: true }));
    found.page?.next(signal).then(
      (page) =>
        show(({ data }) => ({ asked, status: "ready", data: [...data, ...page.data], page, loadingMore: false })),
      (thrown) => show((before) => ({ ...before, loadingMore: false, error: toChatError(thrown) })),
    );
  };
  const status = found.asked === asked ? found.status : "loading";
  const more = status === "ready" && (found.page?.more ?? false);
  return { ...found, status, more, loadMore, retry: () => (more ? loadMore() : setAttempt(attempt + 1)) };
}
