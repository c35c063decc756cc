import type { Conversation, User } from "@chatapp/client";
import { useChat } from "@chatapp/client/react";
import { useState } from "react";
import { isolated } from "../lib/names";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { notify } from "../ui/notices";
import { ChoosePeople } from "./choose-people";

export function AddMembers({ conversation, onClose }: { conversation: Conversation; onClose: () => void }) {
  const chat = useChat();
  const [chosen, setChosen] = useState<readonly User[]>([]);
  const [isBusy, setBusy] = useState(false);
  const add = () => {
    setBusy(true);
    const userIds = chosen.map((user) => user.id);
    chat.conversations
      .addMembers(conversation.id, userIds)
      .then(onClose, notify.failed)
      .finally(() => setBusy(false));
  };
  const members = new Set(conversation.members.map((member) => member.id));
  return (
    <Dialog
      title={`Add to ${isolated(conversation.title)}`}
      onClose={onClose}
      actions={
        <Button variant="primary" disabled={chosen.length === 0} busy={isBusy} onClick={add}>
          {chosen.length > 1 ? `Add ${chosen.length} people` : "Add"}
        </Button>
      }
    >
      <ChoosePeople chosen={chosen} onChange={setChosen} without={members} />
    </Dialog>
  );
}
