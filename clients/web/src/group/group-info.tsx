import type { Conversation } from "@chatapp/client";
import { useAccount, useChat } from "@chatapp/client/react";
import { ArrowRightStartOnRectangleIcon, PencilIcon, TrashIcon, UserPlusIcon } from "@heroicons/react/24/outline";
import { useState } from "react";
import { isolated } from "../lib/names";
import { plural } from "../lib/text";
import { Avatar } from "../ui/avatar";
import { Button, IconButton } from "../ui/button";
import { Name } from "../ui/name";
import { notify } from "../ui/notices";
import { confirmed } from "../ui/questions";
import { SwitchRow } from "../ui/switch-row";
import { AddMembers } from "./add-members";
import { EditGroup } from "./edit-group";
import css from "./group-info.module.css";
import panel from "./info-panel.module.css";
import { MemberRow } from "./member-row";
import { useRemoveConversation } from "./use-remove-conversation";

const RANK = { owner: 0, admin: 1, member: 2 };

export function GroupInfo({ conversation }: { conversation: Conversation }) {
  const { id, title, avatar, members, role } = conversation;
  const { user } = useAccount();
  const [open, setOpen] = useState<"add" | "edit" | null>(null);
  const mayManage = role === "owner" || role === "admin";
  const sorted = [...members].sort((a, b) => RANK[a.role] - RANK[b.role] || a.name.localeCompare(b.name));
  const close = () => setOpen(null);
  return (
    <>
      <div className={panel.top}>
        <Avatar id={id} name={title} src={avatar} size={112} />
        <p className={panel.name} dir="auto">
          <Name of={title} />
          {mayManage && (
            <IconButton
              className={css.edit}
              label="Change name and picture"
              icon={PencilIcon}
              onClick={() => setOpen("edit")}
            />
          )}
        </p>
        <p className={panel.soft}>Group · {plural(conversation.memberCount, "member")}</p>
      </div>
      <section aria-label="Members">
        <header className={css.heading}>
          <h3>Members</h3>
          {mayManage && (
            <Button icon={UserPlusIcon} onClick={() => setOpen("add")}>
              Add
            </Button>
          )}
        </header>
        <ul className={css.members}>
          {sorted.map((member) => (
            <li key={member.id}>
              <MemberRow conversation={conversation} member={member} isMe={member.id === user?.id} />
            </li>
          ))}
        </ul>
      </section>
      {role === "owner" && <HistorySwitch conversation={conversation} />}
      <Leaving conversation={conversation} />
      {open === "add" && <AddMembers conversation={conversation} onClose={close} />}
      {open === "edit" && <EditGroup conversation={conversation} onClose={close} />}
    </>
  );
}

function HistorySwitch({ conversation: { id, history } }: { conversation: Conversation }) {
  const chat = useChat();
  return (
    <SwitchRow
      label="New members see earlier messages"
      hint="Off: they see what is written from when they were added."
      isOn={history === "all"}
      onChange={(isOn) => chat.conversations.change(id, { history: isOn ? "all" : "since_join" })}
    />
  );
}

function Leaving({ conversation }: { conversation: Conversation }) {
  const { id, title, isMember, members, memberCount, role } = conversation;
  const chat = useChat();
  const remove = useRemoveConversation(conversation);
  const owners = members.filter((member) => member.role === "owner").length;
  if (!isMember) {
    return (
      <Button variant="danger" icon={TrashIcon} wide onClick={remove}>
        Delete chat
      </Button>
    );
  }
  if (role === "owner" && owners === 1 && memberCount > 1) {
    return (
      <p className={panel.soft}>
        You are the only owner. To leave, first make somebody else the owner: in the menu beside their name.
      </p>
    );
  }
  const leave = async () => {
    const isSure = await confirmed({
      title: `Leave ${isolated(title)}?`,
      text: "You get no more messages of this group. What you have seen stays on your list.",
      action: "Leave the group",
      isDangerous: true,
    });
    if (isSure) await chat.conversations.leave(id).catch(notify.failed);
  };
  return (
    <Button variant="danger" icon={ArrowRightStartOnRectangleIcon} wide onClick={leave}>
      Leave the group
    </Button>
  );
}
