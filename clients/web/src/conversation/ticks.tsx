import type { MessageStatus } from "@chatapp/client";
import css from "./ticks.module.css";

const WORDS: Record<MessageStatus, string> = {
  sending: "Waiting to be sent",
  failed: "Not sent",
  sent: "Sent",
  delivered: "Delivered",
  read: "Read",
};

const PATHS: Record<MessageStatus, string> = {
  sending: "M9 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 0 0 0-11M9 5v3.2l2 1.4",
  failed: "M9 2.2a5.8 5.8 0 1 0 0 11.6a5.8 5.8 0 0 0 0-11.6M9 5v3.6M9 11v.1",
  sent: "M4.5 8.5l3 3l6-7",
  delivered: "M1.5 8.5l3 3l6-7M8 10.7l.9.8l6-7",
  read: "M1.5 8.5l3 3l6-7M8 10.7l.9.8l6-7",
};

/** An own message's status: clock (sending), one tick (sent), two (delivered), two coloured ticks (read). */
export function Ticks({ status, label = WORDS[status] }: { status: MessageStatus; label?: string }) {
  return (
    <svg
      className={css.ticks}
      data-status={status}
      viewBox="0 0 17 16"
      width="17"
      height="16"
      role="img"
      aria-label={label}
    >
      <title>{label}</title>
      <path d={PATHS[status]} />
    </svg>
  );
}
