/** The connection as the app sees and steers it. */
import type { Core } from "../core.js";
import type { Environment } from "../environment.js";
import type { Foreground } from "../foreground.js";
import type { Lifecycle } from "../lifecycle.js";
import type { Connection } from "../types/connection.js";

export interface ConnectionParts {
  readonly environment: Pick<Environment, "tabs" | "isShared">;
  readonly core: Core;
  readonly foreground: Foreground;
  readonly lifecycle: Lifecycle;
}

export function connectionControl({ environment, core, foreground, lifecycle }: ConnectionParts): Connection {
  function cameBack(): void {
    foreground.enterForeground();
    environment.tabs.challengeLeader();
    core.act({ kind: "wake" });
  }

  /** Tabs of a browser keep the connection that they share. */
  function wentAway(): void {
    lifecycle.saveDrafts();
    if (!environment.isShared) foreground.enterBackground();
  }

  return {
    subscribe: core.connection.subscribe,
    getSnapshot: core.connection.getSnapshot,
    retryNow: () => {
      foreground.keepAwake();
      core.act({ kind: "wake" });
    },
    setOnline: (isOnline) => core.link.setOnline(isOnline),
    setForeground: (isForeground) => (isForeground ? cameBack() : wentAway()),
  };
}
