import type { Chat, Conversation, Member } from "@chatapp/client";
import { useChat } from "@chatapp/client/react";
import {
  ArrowDownCircleIcon,
  ArrowUpCircleIcon,
  ChatBubbleLeftIcon,
  EllipsisVerticalIcon,
  KeyIcon,
  UserMinusIcon,
} from "@heroicons/react/24/outline";
import { isolated } from "../lib/names";
import { useKnownPresence } from "../lib/presence";
import { useOpenDirect } from "../people/use-open-direct";
import { Avatar } from "../ui/avatar";
import { Menu, type MenuItem } from "../ui/menu";
import { Name } from "../ui/name";
import { notify } from "../ui/notices";
import { confirmed } from "../ui/questions";
import css from "./group-info.module.css";

interface MemberRowProps {
  conversation: Conversation;
  member: Member;
  isMe: boolean;
}

const ROLES = { owner: "Owner", admin: "Admin", member: "" };

export function MemberRow({ conversation, member, isMe }: MemberRowProps) {
  const chat = useChat();
  const { online } = useKnownPresence(member.id);
  const { openDirect } = useOpenDirect();
  const items = isMe ? [] : [messageItem(member, openDirect), ...acts(chat, conversation, member)];
  return (
    <div className={css.member}>
      <Avatar id={member.id} name={member.name} src={member.avatar} size={40} online={online} />
      <span className={css.who}>
        <span className={css.name} dir="auto">
          {isMe ? "You" : <Name of={member.name} />}
        </span>
      </span>
      {ROLES[member.role] && <span className={css.role}>{ROLES[member.role]}</span>}
      {items.length > 0 && (
        <Menu label={`What can be done with ${isolated(member.name)}`} icon={EllipsisVerticalIcon} items={items} />
      )}
    </div>
  );
}

function messageItem(member: Member, openDirect: (userId: string) => void): MenuItem {
  return { label: `Message ${isolated(member.name)}`, icon: ChatBubbleLeftIcon, onSelect: () => openDirect(member.id) };
}

/** Return the actions on this member that the user's role allows; the server decides in the end. */
function acts({ conversations }: Chat, { id, title, role }: Conversation, member: Member): MenuItem[] {
  const [name, group] = [isolated(member.name), isolated(title)];
  const attempt = (work: Promise<void>) => void work.catch(notify.failed);
  const handOver = async () => {
    const isSure = await confirmed({
      title: `Make ${name} the owner?`,
      text: `${name} owns “${group}” then, and you become an admin.`,
      action: "Hand over",
    });
    if (isSure) attempt(conversations.handOver(id, member.id));
  };
  const remove = async () => {
    const isSure = await confirmed({
      title: `Remove ${name}?`,
      text: `${name} gets no more messages of “${group}”.`,
      action: "Remove",
      isDangerous: true,
    });
    if (isSure) attempt(conversations.removeMember(id, member.id));
  };
  const promote = () => attempt(conversations.changeRole(id, member.id, "admin"));
  const demote = () => attempt(conversations.changeRole(id, member.id, "member"));
  const isOwner = role === "owner";
  const mayRemove = isOwner || (role === "admin" && member.role === "member");
  return [
    ...(isOwner && member.role === "member"
      ? [{ label: "Make admin", icon: ArrowUpCircleIcon, onSelect: promote }]
      : []),
    ...(isOwner && member.role === "admin"
      ? [{ label: "No longer admin", icon: ArrowDownCircleIcon, onSelect: demote }]
      : []),
    ...(isOwner && member.role !== "owner" ? [{ label: "Make owner", icon: KeyIcon, onSelect: handOver }] : []),
    ...(mayRemove ? [{ label: "Remove from group", icon: UserMinusIcon, onSelect: remove, isDangerous: true }] : []),
  ];
}
