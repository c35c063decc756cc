/** The list of conversations, and searching in it. */

import { useAccount, useChat, useConversations, useObservable } from "@chatapp/client/react";
import {
  ArrowRightStartOnRectangleIcon,
  ChatBubbleLeftEllipsisIcon,
  Cog6ToothIcon,
  EllipsisVerticalIcon,
  PencilSquareIcon,
  QuestionMarkCircleIcon,
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
import { isHelpOpen, searchWishes } from "../shell/shortcuts";
import { UpdateBanner } from "../shell/update-banner";
import { Avatar } from "../ui/avatar";
import { Button, IconButton } from "../ui/button";
import { Failure, Hint } from "../ui/hint";
import { Menu } from "../ui/menu";
import { PanelHeader } from "../ui/panel";
import { SearchField } from "../ui/search-field";
import { Skeleton } from "../ui/skeleton";
import css from "./chats-panel.module.css";
import { ConversationList, focusFirstRow } from "./conversation-list";

const SearchResults = lazy(() => import("./search-results"));
const Help = lazy(() => import("../shell/help"));

export function ChatsPanel({ open }: { open: string | undefined }) {
  const [query, setQuery] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const wishes = useObservable(searchWishes);
  const isHelp = useObservable(isHelpOpen);
  useEffect(() => {
    if (wishes > 0) field.current?.select();
  }, [wishes]);
  const pressed = (event: KeyboardEvent) => {
    if (isComposing(event.nativeEvent)) return;
    if (event.key === "Escape" && query) setQuery("");
    else if (event.key === "ArrowDown") focusFirstRow(panel.current);
    else return;
    event.preventDefault();
  };
  return (
    <div className={css.panel} ref={panel}>
      <Header />
      <SearchField label="Search" value={query} onChange={setQuery} onKeyDown={pressed} ref={field} />
      <ConnectionBanner />
      <UpdateBanner />
      {query.trim() ? (
        <Suspense fallback={<Skeleton label="Searching" />}>
          <SearchResults query={query} open={open} onChosen={() => setQuery("")} />
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
  const items = [
    { label: "New group", icon: UserGroupIcon, onSelect: () => go(routes.newGroup) },
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
    </PanelHeader>
  );
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
  return <ConversationList conversations={data} open={open} />;
}
