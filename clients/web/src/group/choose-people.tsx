/** People to choose several of: all contacts, or those that match; the chosen ones above. */

import type { User } from "@chatapp/client";
import { useChat, useContacts } from "@chatapp/client/react";
import { UsersIcon, XMarkIcon } from "@heroicons/react/24/outline";
import { CheckCircleIcon } from "@heroicons/react/24/solid";
import { useState } from "react";
import { PersonRow } from "../people/person-row";
import { usePeople } from "../people/use-people";
import { Avatar } from "../ui/avatar";
import { Button } from "../ui/button";
import { Failure, Hint } from "../ui/hint";
import { Name } from "../ui/name";
import { SearchField } from "../ui/search-field";
import { Skeleton } from "../ui/skeleton";
import css from "./choose-people.module.css";

interface ChoosePeopleProps {
  chosen: readonly User[];
  onChange: (chosen: readonly User[]) => void;
  /** The ids of those who are members already. */
  without?: ReadonlySet<string>;
}

const NOBODY: ReadonlySet<string> = new Set();

export function ChoosePeople({ chosen, onChange, without = NOBODY }: ChoosePeopleProps) {
  const [query, setQuery] = useState("");
  const toggle = (user: User) => {
    const others = chosen.filter((row) => row.id !== user.id);
    onChange(others.length < chosen.length ? others : [...chosen, user]);
  };
  return (
    <div className={css.chooser}>
      {chosen.length > 0 && (
        <ul className={css.chips} aria-label="Chosen">
          {chosen.map((user) => (
            <li key={user.id}>
              <button type="button" className={css.chip} onClick={() => toggle(user)}>
                <Avatar id={user.id} name={user.name} src={user.avatar} size={24} />
                <span className="hidden">Leave out </span>
                <Name of={user.name} />
                <XMarkIcon width={16} aria-hidden="true" />
              </button>
            </li>
          ))}
        </ul>
      )}
      <SearchField label="Search a name or e-mail" value={query} onChange={setQuery} />
      <Choice query={query} chosen={chosen} without={without} onToggle={toggle} />
    </div>
  );
}

interface ChoiceProps {
  query: string;
  chosen: readonly User[];
  without: ReadonlySet<string>;
  onToggle: (user: User) => void;
}

function Choice({ query, ...rest }: ChoiceProps) {
  const contacts = useContacts();
  const found = usePeople(query);
  const chat = useChat();
  if (query.trim()) {
    if (found.status === "error")
      return <Failure title="The search did not work" error={found.error} retry={found.retry} />;
    return <Options users={found.data} isLoading={found.status === "loading"} {...rest} />;
  }
  if (contacts.status === "error" && contacts.error) {
    const retry = () => void chat.contacts.refresh();
    return <Failure title="Your contacts can't be loaded" error={contacts.error} retry={retry} />;
  }
  return (
    <>
      <Options users={contacts.data} isLoading={contacts.status === "loading"} {...rest} />
      {contacts.hasMore && (
        <Button wide busy={contacts.loadingMore} onClick={() => void chat.contacts.loadMore()}>
          Show more
        </Button>
      )}
    </>
  );
}

function Options({
  users,
  isLoading,
  chosen,
  without,
  onToggle,
}: Omit<ChoiceProps, "query"> & { users: readonly User[]; isLoading: boolean }) {
  const left = users.filter((user) => !without.has(user.id));
  const isChosen = (user: User) => chosen.some((row) => row.id === user.id);
  if (left.length === 0) {
    if (isLoading) return <Skeleton label="Loading contacts" />;
    return (
      <Hint
        icon={UsersIcon}
        title="Nobody to choose"
        text="Everybody here is in already, or nobody matches. Ask friends to sign up!"
      />
    );
  }
  return (
    <ul className={css.options} aria-label="People">
      {left.map((user) => (
        <li key={user.id}>
          <PersonRow user={user} isChosen={isChosen(user)} onClick={() => onToggle(user)}>
            <CheckCircleIcon width={24} className={css.mark} data-chosen={isChosen(user)} aria-hidden="true" />
          </PersonRow>
        </li>
      ))}
    </ul>
  );
}
