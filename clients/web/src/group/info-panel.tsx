/** About a conversation: the person, or the group with its members and what may be done with them. */

import type { Conversation } from "@chatapp/client";
import { XMarkIcon } from "@heroicons/react/24/outline";
import { useEffect, useRef } from "react";
import { goBack } from "../lib/navigation";
import { useKnownPresence } from "../lib/presence";
import { routes } from "../lib/routes";
import { lastSeenTime, useToday } from "../lib/time";
import { Avatar } from "../ui/avatar";
import { Button, IconButton } from "../ui/button";
import { Name } from "../ui/name";
import { GroupInfo } from "./group-info";
import css from "./info-panel.module.css";
import { useRemoveConversation } from "./use-remove-conversation";

export default function InfoPanel({ conversation }: { conversation: Conversation }) {
  const { id, type } = conversation;
  const panel = useRef<HTMLElement>(null);
  useEffect(() => panel.current?.querySelector("button")?.focus(), []);
  return (
    <aside ref={panel} className={css.panel} aria-label={type === "group" ? "Group info" : "Contact info"}>
      <header className={css.header}>
        <IconButton label="Close the info" icon={XMarkIcon} onClick={() => goBack(routes.conversation(id))} />
        <h2 className={css.heading}>{type === "group" ? "Group info" : "Contact info"}</h2>
      </header>
      <div className={css.body}>
        {type === "group" ? <GroupInfo conversation={conversation} /> : <PersonInfo conversation={conversation} />}
      </div>
    </aside>
  );
}

function PersonInfo({ conversation }: { conversation: Conversation }) {
  const { partner, title, avatar, id } = conversation;
  const { online, lastSeen } = useKnownPresence(partner?.id ?? "");
  const today = useToday();
  const remove = useRemoveConversation(conversation);
  const seen = lastSeen ? `Last seen ${lastSeenTime(lastSeen, today)}` : "";
  return (
    <>
      <div className={css.top}>
        <Avatar id={partner?.id ?? id} name={title} src={avatar} size={112} online={online} />
        <p className={css.name} dir="auto">
          <Name of={title} />
        </p>
        <p className={css.soft}>{online ? "Online" : seen}</p>
      </div>
      {partner?.email && (
        <dl className={css.facts}>
          <dt>E-mail</dt>
          <dd>
            <a href={`mailto:${partner.email}`}>{partner.email}</a>
          </dd>
        </dl>
      )}
      <Button variant="danger" wide onClick={remove}>
        Delete chat
      </Button>
    </>
  );
}
