import type { User } from "@chatapp/client";
import type { ReactNode } from "react";
import { useKnownPresence } from "../lib/presence";
import { Avatar } from "../ui/avatar";
import { Name } from "../ui/name";
import { Spinner } from "../ui/spinner";
import css from "./person-row.module.css";

interface PersonRowProps {
  user: User;
  onClick: () => void;
  isBusy?: boolean;
  /** For lists to choose several from. */
  isChosen?: boolean;
  note?: string;
  children?: ReactNode;
}

export function PersonRow({ user, onClick, isBusy, isChosen, note, children }: PersonRowProps) {
  const { online } = useKnownPresence(user.id);
  return (
    <button type="button" className={css.row} onClick={onClick} aria-pressed={isChosen} aria-busy={isBusy || undefined}>
      <Avatar id={user.id} name={user.name} src={user.avatar} size={44} online={online} />
      <span className={css.body}>
        <span className={css.name} dir="auto">
          <Name of={user.name} />
        </span>
        {(note || user.email) && <span className={css.note}>{note || user.email}</span>}
      </span>
      {isBusy ? <Spinner /> : children}
    </button>
  );
}
