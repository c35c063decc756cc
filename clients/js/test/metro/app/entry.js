import { createChat, memoryStorage } from "@chatapp/client";
import { ChatProvider, useMessages } from "@chatapp/client/react";

globalThis.outcome = {
  status: createChat({ url: "http://localhost:1", storage: memoryStorage() }).accounts.getSnapshot().status,
  isReact: typeof ChatProvider === "function" && typeof useMessages === "function",
};
