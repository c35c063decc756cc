/** Everybody the user can write to. */

import type { User } from "@chatapp/client";
import { useChat, useContacts } from "@chatapp/client/react";
import { MagnifyingGlassIcon, ShareIcon, UserGroupIcon, UsersIcon } from "@heroicons/react/24/outline";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { firstRow } from "../chats/conversation-list";
import { copyText } from "../lib/device";
import { isComposing } from "../lib/keys";
import { go } from "../lib/navigation";
import { routes } from "../lib/routes";
import { Button } from "../ui/button";
import { Failure, Hint } from "../ui/hint";
import { notify } from "../ui/notices";
import { PanelHeader } from "../ui/panel";
import { SearchField } from "../ui/search-field";
import { Skeleton } from "../ui/skeleton";
import css from "./contacts-panel.module.css";
import { PersonRow } from "./person-row";
import { useOpenDirect } from "./use-open-direct";
import { usePeople } from "./use-people";

export default function ContactsPanel() {
  const [query, setQuery] = useState("");
  const panel = useRef<HTMLDivElement>(null);
  const pressed = (event: KeyboardEvent) => {
    if (event.key !== "ArrowDown" || isComposing(event.nativeEvent)) return;
    event.preventDefault();
    firstRow(panel.current)?.focus();
  };
  return (
    <div className={css.panel} ref={panel}>
      <PanelHeader title="New chat" back={routes.home} />
      <SearchField label="Search a name or e-mail" value={query} onChange={setQuery} onKeyDown={pressed} autoFocus />
      <div className={css.above}>
        <Button icon={UserGroupIcon} onClick={() => go(routes.newGroup)}>
          New group
        </Button>
        <InviteButton />
      </div>
      {query.trim() ? <Matching query={query} /> : <Everybody />}
    </div>
  );
}

function Everybody() {
  const chat = useChat();
  const { status, data, error, reason, hasMore, loadingMore } = useContacts();
  const refresh = () => void chat.contacts.refresh();
  if (status === "loading") return <Skeleton label="Loading contacts" />;
  if (status === "error" && error)
    return <Failure title="Your contacts can't be loaded" error={error} retry={refresh} />;
  if (status === "empty") {
    return (
      <Hint icon={UsersIcon} title="Nobody else is here" text={reason?.message ?? "Ask friends to sign up!"}>
        <InviteButton />
        <Button variant="primary" onClick={refresh}>
          Look again
        </Button>
      </Hint>
    );
  }
  return (
    <People users={data} onEnd={hasMore && !loadingMore && !error ? () => void chat.contacts.loadMore() : undefined} />
  );
}

function Matching({ query }: { query: string }) {
  const found = usePeople(query);
  if (found.status === "error")
    return <Failure title="The search did not work" error={found.error} retry={found.retry} />;
  if (found.data.length > 0) return <People users={found.data} />;
  if (found.status === "loading") return <Skeleton label="Searching" />;
  return <Hint icon={MagnifyingGlassIcon} title="Nobody found" text="Nobody's name or e-mail begins like that." />;
}

interface PeopleProps {
  users: readonly User[];
  /** Called when the end comes into sight. */
  onEnd?: () => void;
}

function People({ users, onEnd }: PeopleProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const { openDirect, opening } = useOpenDirect();
  const virtualizer = useVirtualizer({
    count: users.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 60,
    getItemKey: (index) => users[index]?.id ?? index,
    overscan: 8,
  });
  const items = virtualizer.getVirtualItems();
  const isAtEnd = (items.at(-1)?.index ?? -1) >= users.length - 1;
  useEffect(() => {
    if (isAtEnd) onEnd?.();
  }, [isAtEnd, onEnd]);
  return (
    <div ref={scroller} className={css.scroller}>
      <ul className={css.rows} style={{ height: virtualizer.getTotalSize() }}>
        {items.map(({ index, key, start }) => {
          const user = users[index];
          return (
            user && (
              <li key={key} className={css.row} style={{ transform: `translateY(${start}px)` }}>
                <PersonRow user={user} isBusy={opening === user.id} onClick={() => openDirect(user.id)} />
              </li>
            )
          );
        })}
      </ul>
    </div>
  );
}

/** Sends the address of this app to somebody, by whatever the device has for that. */
function InviteButton() {
  const invite = async () => {
    const url = window.location.origin;
    const text = "Write to me here:";
    try {
      if (navigator.share) await navigator.share({ title: "chatapp", text, url });
      else {
        await copyText(`${text} ${url}`);
        notify("The invitation is copied: paste it into a mail or message.");
      }
    } catch (thrown) {
      if (!(thrown instanceof DOMException && thrown.name === "AbortError")) notify.failed(thrown);
    }
  };
  return (
    <Button icon={ShareIcon} onClick={invite}>
      Invite somebody
    </Button>
  );
}
