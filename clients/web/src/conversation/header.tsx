import type { Conversation } from "@chatapp/client";
import { useAccount, useTyping } from "@chatapp/client/react";
import {
  ArrowLeftIcon,
  EllipsisVerticalIcon,
  InformationCircleIcon,
  MagnifyingGlassIcon,
  TrashIcon,
} from "@heroicons/react/24/outline";
import { Link } from "wouter";
import { useOwnSettings } from "../chats/use-own-settings";
import { useRemoveConversation } from "../group/use-remove-conversation";
import { isolated } from "../lib/names";
import { go, goBack } from "../lib/navigation";
import { useKnownPresence } from "../lib/presence";
import { routes } from "../lib/routes";
import { listed } from "../lib/text";
import { lastSeenTime, useToday } from "../lib/time";
import { focusSearch, searchedIn } from "../shell/shortcuts";
import { Avatar } from "../ui/avatar";
import { IconButton } from "../ui/button";
import { Menu } from "../ui/menu";
import { Name } from "../ui/name";
import css from "./header.module.css";

function searchIn(conversationId: string): void {
  searchedIn.set(conversationId);
  focusSearch();
}

export function Header({ conversation }: { conversation: Conversation }) {
  const { id, title, avatar, type, partner } = conversation;
  const { online } = useKnownPresence(partner?.id ?? "");
  const remove = useRemoveConversation(conversation);
  const items = [
    {
      label: type === "group" ? "Group info" : "Contact info",
      icon: InformationCircleIcon,
      onSelect: () => go(routes.info(id)),
    },
    { label: "Search in this chat", icon: MagnifyingGlassIcon, onSelect: () => searchIn(id) },
    ...useOwnSettings(conversation),
    { label: "Delete chat", icon: TrashIcon, isDangerous: true, onSelect: remove },
  ];
  return (
    <header className={css.header}>
      <span className={css.back}>
        <IconButton label="Back to the list" icon={ArrowLeftIcon} onClick={() => goBack(routes.home)} />
      </span>
      <Link href={routes.info(id)} state={{ isOurs: true }} className={css.link}>
        <Avatar id={partner?.id ?? id} name={title} src={avatar} size={40} online={online} />
        <span className={css.body}>
          <h2 className={css.title} dir="auto">
            <Name of={title} />
          </h2>
          <Subtitle conversation={conversation} />
        </span>
        <span className="hidden">, show info</span>
      </Link>
      <Menu label="More" icon={EllipsisVerticalIcon} items={items} />
    </header>
  );
}

/** The line below the title: who types, else the person's presence, else the group's members. */
function Subtitle({ conversation }: { conversation: Conversation }) {
  const { user } = useAccount();
  const [typing] = useTyping(conversation.id);
  const today = useToday();
  const { online, lastSeen } = useKnownPresence(conversation.partner?.id ?? "");
  const isGroup = conversation.type === "group";
  if (typing.length > 0) {
    const names = typing.map((person) => isolated(person.name));
    const text = isGroup ? `${listed(names)} ${names.length === 1 ? "is" : "are"} typing` : "typing";
    return (
      <span className={`${css.subtitle} ${css.typing}`} role="status">
        {text}
        <span className={css.dots} aria-hidden="true">
          <i />
          <i />
          <i />
        </span>
      </span>
    );
  }
  if (!isGroup) {
    const seen = lastSeen ? `last seen ${lastSeenTime(lastSeen, today)}` : "";
    return <span className={css.subtitle}>{online ? "online" : seen}</span>;
  }
  const others = conversation.members.filter((member) => member.id !== user?.id).map((member) => isolated(member.name));
  return <span className={css.subtitle}>{[...others, ...(conversation.isMember ? ["you"] : [])].join(", ")}</span>;
}
