import "./styles/base.css";
import { ChatProvider } from "@chatapp/client/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app";
import { chat } from "./chat";
import { followTheme } from "./lib/preferences";
import { ErrorBoundary } from "./shell/error-boundary";
import { installWorker } from "./shell/worker";

followTheme();
installWorker();

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <ErrorBoundary>
      <ChatProvider chat={chat}>
        <App />
      </ChatProvider>
    </ErrorBoundary>
  </StrictMode>,
);
