/** Sends a message on: a choice of conversations, up to five at a time. */
import type { Conversation, Message } from "@chatapp/client";
import { useChat, useConversations } from "@chatapp/client/react";
import { CheckCircleIcon } from "@heroicons/react/24/solid";
import { useState } from "react";
import { folded, plural } from "../lib/text";
import { Avatar } from "../ui/avatar";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Name } from "../ui/name";
import { notify } from "../ui/notices";
import { SearchField } from "../ui/search-field";
import css from "./forward-dialog.module.css";

const MOST = 5;
const SHOWN = 50;

export default function ForwardDialog({ message, onClose }: { message: Message; onClose: () => void }) {
  const chat = useChat();
  const { data } = useConversations();
  const [query, setQuery] = useState("");
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const wanted = folded(query);
  const shown = data.filter((row) => row.isMember && folded(row.title).includes(wanted)).slice(0, SHOWN);
  const toggle = (id: string) =>
    setChosen(chosen.includes(id) ? chosen.filter((other) => other !== id) : [...chosen, id].slice(0, MOST));
  const forward = () => {
    chat.messages(message.conversationId).forward(message, chosen);
    onClose();
    notify(`Forwarded to ${plural(chosen.length, "chat")}.`);
  };
  const action = (
    <Button variant="primary" disabled={chosen.length === 0} onClick={forward}>
      Forward
    </Button>
  );
  return (
    <Dialog title="Forward to" onClose={onClose} actions={action}>
      <SearchField label="Search a chat" value={query} onChange={setQuery} />
      <ul className={css.chats} aria-label="Chats">
        {shown.map((row) => (
          <Option
            key={row.id}
            conversation={row}
            isChosen={chosen.includes(row.id)}
            isFull={chosen.length === MOST}
            onToggle={() => toggle(row.id)}
          />
        ))}
      </ul>
      {chosen.length === MOST && <p className={css.most}>Five chats at a time are the most.</p>}
    </Dialog>
  );
}

interface OptionProps {
  conversation: Conversation;
  isChosen: boolean;
  isFull: boolean;
  onToggle: () => void;
}

function Option({ conversation: { id, title, avatar, partner }, isChosen, isFull, onToggle }: OptionProps) {
  return (
    <li>
      <button
        type="button"
        className={css.chat}
        aria-pressed={isChosen}
        disabled={isFull && !isChosen}
        onClick={onToggle}
      >
        <Avatar id={partner?.id ?? id} name={title} src={avatar} size={36} />
        <span className={css.title} dir="auto">
          <Name of={title} />
        </span>
        <CheckCircleIcon width={24} className={css.mark} data-chosen={isChosen} aria-hidden="true" />
      </button>
    </li>
  );
}
