/** Says when the app is not live, why, when it tries again, and that it is back. */

import type { ConnectionState } from "@chatapp/client";
import { useChat, useConnection } from "@chatapp/client/react";
import { BoltSlashIcon, CheckCircleIcon, SignalSlashIcon } from "@heroicons/react/24/outline";
import { useEffect, useState } from "react";
import { useCountdown } from "../lib/time";
import { Button, type Icon } from "../ui/button";
import { Spinner } from "../ui/spinner";
import css from "./connection-banner.module.css";

/** A connection that comes back this soon is not worth a word. */
const PATIENCE = 900;
const BACK = 2500;

interface Words {
  tone: "bad" | "busy" | "slow" | "good";
  icon: Icon | null;
  text: string;
}

function words({ status, error }: ConnectionState): Words {
  if (status === "api") {
    return { tone: "slow", icon: BoltSlashIcon, text: "Your network blocks live updates. Messages still come and go." };
  }
  if (status === "connecting") return { tone: "busy", icon: null, text: "Connecting…" };
  const text = navigator.onLine ? "The server can't be reached." : "You are offline.";
  return { tone: "bad", icon: SignalSlashIcon, text: error?.code === "BAD_ANSWER" ? error.message : text };
}

/**
 * Return whether the connection has been away for long enough to say so, and whether it has just come back.
 * While it changes between `offline` and `connecting` it is away all the time.
 */
function useTrouble(isFine: boolean): "none" | "away" | "back" {
  const [trouble, setTrouble] = useState<"none" | "away" | "back">("none");
  useEffect(() => {
    if (!isFine) {
      const timer = setTimeout(() => setTrouble("away"), PATIENCE);
      return () => clearTimeout(timer);
    }
    setTrouble((before) => (before === "away" ? "back" : before));
    const timer = setTimeout(() => setTrouble("none"), BACK);
    return () => clearTimeout(timer);
  }, [isFine]);
  return trouble;
}

export function ConnectionBanner() {
  const state = useConnection();
  const isFine = state.status === "live" || state.status === "signed-out";
  const trouble = useTrouble(isFine);
  return (
    <div role="status" className={css.place} data-connection={state.status}>
      {trouble === "away" && !isFine && <Away state={state} />}
      {trouble === "back" && isFine && (
        <p className={css.banner} data-tone="good">
          <CheckCircleIcon width={20} aria-hidden="true" />
          You are back online.
        </p>
      )}
    </div>
  );
}

function Away({ state }: { state: ConnectionState }) {
  const chat = useChat();
  const seconds = useCountdown(state.nextAttemptAt);
  const { tone, icon: Picture, text } = words(state);
  return (
    <div className={css.banner} data-tone={tone}>
      {Picture ? <Picture width={20} aria-hidden="true" /> : <Spinner size={20} />}
      <p className={css.text}>
        {text}
        {state.status !== "api" && seconds > 0 && (
          <span className={css.countdown} aria-hidden="true">
            {" "}
            {`Next attempt in ${seconds}\u00a0s.`}
          </span>
        )}
      </p>
      {state.nextAttemptAt !== undefined && (
        <Button className={css.now} onClick={chat.connection.retryNow}>
          Try now
        </Button>
      )}
    </div>
  );
}
