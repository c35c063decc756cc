import type { DeviceSession } from "@chatapp/client";
import { useChat, useSessions } from "@chatapp/client/react";
import { ComputerDesktopIcon, DevicePhoneMobileIcon } from "@heroicons/react/24/outline";
import { useState } from "react";
import { lastSeenTime, useToday } from "../lib/time";
import { Button } from "../ui/button";
import { Failure } from "../ui/hint";
import { notify } from "../ui/notices";
import { confirmed } from "../ui/questions";
import { Skeleton } from "../ui/skeleton";
import css from "./settings.module.css";

export function Devices() {
  const chat = useChat();
  const { status, data, error } = useSessions();
  if (status === "loading") return <Skeleton label="Loading your devices" />;
  if (status === "error" && error) {
    return (
      <Failure title="Your devices can't be loaded" error={error} retry={() => void chat.accounts.sessions.refresh()} />
    );
  }
  const endAll = async () => {
    const isSure = await confirmed({
      title: "Log out everywhere?",
      text: "All your devices are logged out, this one too.",
      action: "Log out everywhere",
      isDangerous: true,
    });
    if (isSure) await chat.accounts.logoutEverywhere().catch(notify.failed);
  };
  return (
    <>
      <ul aria-label="Devices">
        {data.map((session) => (
          <li key={session.id}>
            <Device session={session} />
          </li>
        ))}
      </ul>
      <Button variant="danger" wide onClick={endAll}>
        Log out everywhere
      </Button>
    </>
  );
}

function Device({ session }: { session: DeviceSession }) {
  const { sessions } = useChat().accounts;
  const today = useToday();
  const [isBusy, setBusy] = useState(false);
  const { id, deviceName, client, address, lastSeenAt, current } = session;
  const name = deviceName ?? client ?? "Unknown device";
  const Picture = /android|ios|phone/i.test(name) ? DevicePhoneMobileIcon : ComputerDesktopIcon;
  const end = () => {
    setBusy(true);
    sessions
      .end(id)
      .then(() => notify(`${name} is logged out.`), notify.failed)
      .finally(() => setBusy(false));
  };
  return (
    <div className={css.device}>
      <Picture width={26} aria-hidden="true" />
      <span className={css.words}>
        <strong>{name}</strong>
        <span className={css.hint}>
          {current ? <span className={css.here}>This device</span> : `Active ${lastSeenTime(lastSeenAt, today)}`}
          {address && ` · ${address}`}
        </span>
      </span>
      {!current && (
        <Button variant="danger" busy={isBusy} aria-label={`Log out ${name}`} onClick={end}>
          Log out
        </Button>
      )}
    </div>
  );
}
