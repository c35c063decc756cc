/** The list of conversations, and searching in it. */

import type { Conversation } from "@chatapp/client";
import { useAccount, useChat, useConversations, useObservable } from "@chatapp/client/react";
import {
  ArchiveBoxIcon,
  ArrowLeftIcon,
  ArrowRightStartOnRectangleIcon,
  ChatBubbleLeftEllipsisIcon,
  Cog6ToothIcon,
  EllipsisVerticalIcon,
  PencilSquareIcon,
  QuestionMarkCircleIcon,
  StarIcon,
  UserGroupIcon,
} from "@heroicons/react/24/outline";
import { type KeyboardEvent, lazy, Suspense, useEffect, useRef, useState } from "react";
import { Link } from "wouter";
import { isTouch } from "../lib/device";
import { isComposing } from "../lib/keys";
import { go } from "../lib/navigation";
import { routes } from "../lib/routes";
import { useSignOut } from "../settings/sign-out";
import { ConnectionBanner } from "../shell/connection-banner";
import { isHelpOpen, searchedIn, searchWishes } from "../shell/shortcuts";
import { UpdateBanner } from "../shell/update-banner";
import { Avatar } from "../ui/avatar";
import { Button, IconButton } from "../ui/button";
import { Failure, Hint } from "../ui/hint";
import { Menu } from "../ui/menu";
import { PanelHeader } from "../ui/panel";
import { SearchField } from "../ui/search-field";
import { Skeleton } from "../ui/skeleton";
import css from "./chats-panel.module.css";
import { ConversationList, firstRow } from "./conversation-list";

const SearchResults = lazy(() => import("./search-results"));
const Starred = lazy(() => import("./starred"));
const Help = lazy(() => import("../shell/help"));

export function ChatsPanel({ open }: { open: string | undefined }) {
  const [query, setQuery] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const wishes = useObservable(searchWishes);
  const inside = useObservable(searchedIn);
  const isHelp = useObservable(isHelpOpen);
  useEffect(() => {
    if (wishes > 0) field.current?.select();
  }, [wishes]);
  const pressed = (event: KeyboardEvent) => {
    if (isComposing(event.nativeEvent)) return;
    if (event.key === "Escape" && query) setQuery("");
    else if (event.key === "Escape" && inside) searchedIn.set(null);
    else if (event.key === "ArrowDown") firstRow(panel.current)?.focus();
    else if (event.key === "Enter" && query) firstRow(panel.current)?.click();
    else return;
    event.preventDefault();
  };
  return (
    <div className={css.panel} ref={panel}>
      <Header />
      <SearchField label="Search" value={query} onChange={setQuery} onKeyDown={pressed} ref={field} />
      <ConnectionBanner />
      <UpdateBanner />
      {query.trim() || inside ? (
        <Suspense fallback={<Skeleton label="Searching" />}>
          <SearchResults query={query} inside={inside} open={open} onChosen={() => setQuery("")} />
        </Suspense>
      ) : (
        <Conversations open={open} />
      )}
      <Suspense>{isHelp && <Help />}</Suspense>
    </div>
  );
}

const SHORTCUTS = {
  label: "Keyboard shortcuts",
  icon: QuestionMarkCircleIcon,
  onSelect: () => isHelpOpen.set(true),
};

function Header() {
  const { user } = useAccount();
  const signOut = useSignOut();
  const [isStarred, setStarred] = useState(false);
  const items = [
    { label: "New group", icon: UserGroupIcon, onSelect: () => go(routes.newGroup) },
    { label: "Starred messages", icon: StarIcon, onSelect: () => setStarred(true) },
    { label: "Settings", icon: Cog6ToothIcon, onSelect: () => go(routes.settings) },
    ...(isTouch() ? [] : [SHORTCUTS]),
    { label: "Log out", icon: ArrowRightStartOnRectangleIcon, onSelect: signOut },
  ];
  return (
    <PanelHeader
      title="Chats"
      before={
        user && (
          <Link className={css.me} href={routes.section("profile")} title="Your profile">
            <Avatar id={user.id} name={user.name} src={user.avatar} size={36} />
            <span className="hidden">Your profile</span>
          </Link>
        )
      }
    >
      <IconButton label="New chat" icon={PencilSquareIcon} onClick={() => go(routes.contacts)} />
      <Menu label="Menu" icon={EllipsisVerticalIcon} items={items} />
      <Suspense>{isStarred && <Starred onClose={() => setStarred(false)} />}</Suspense>
    </PanelHeader>
  );
}

/** The conversations, or those that are archived; a row above them leads from the one to the other. */
function ListOrArchive({ conversations, open }: { conversations: readonly Conversation[]; open: string | undefined }) {
  const [isArchive, setArchive] = useState(false);
  const archived = conversations.filter((row) => row.isArchived);
  const showsArchive = isArchive && archived.length > 0;
  const shown = showsArchive ? archived : pinnedFirst(conversations.filter((row) => !row.isArchived));
  return (
    <>
      {archived.length > 0 && (
        <button type="button" className={css.archive} onClick={() => setArchive(!showsArchive)}>
          {showsArchive ? (
            <ArrowLeftIcon width={20} aria-hidden="true" />
          ) : (
            <ArchiveBoxIcon width={20} aria-hidden="true" />
          )}
          {showsArchive ? "Back to all chats" : `Archived (${archived.length})`}
        </button>
      )}
      <ConversationList key={String(showsArchive)} conversations={shown} open={open} />
    </>
  );
}

function pinnedFirst(conversations: readonly Conversation[]): readonly Conversation[] {
  const pinned = conversations.filter((row) => row.pinnedAt !== null);
  return pinned.length === 0 ? conversations : [...pinned, ...conversations.filter((row) => row.pinnedAt === null)];
}

function Conversations({ open }: { open: string | undefined }) {
  const chat = useChat();
  const { status, data, error, reason } = useConversations();
  if (status === "loading") return <Skeleton label="Loading conversations" />;
  if (status === "error" && error) {
    return (
      <Failure
        title="Your conversations can't be loaded"
        error={error}
        retry={() => void chat.conversations.refresh()}
      />
    );
  }
  if (status === "empty") {
    return (
      <Hint icon={ChatBubbleLeftEllipsisIcon} title="It is quiet here" text={reason?.message}>
        <Button variant="primary" onClick={() => go(routes.contacts)}>
          Choose a contact
        </Button>
      </Hint>
    );
  }
  return <ListOrArchive conversations={data} open={open} />;
}
