/** A new group: its name, and who is in it. */
import type { User } from "@chatapp/client";
import { useChat, useObservable } from "@chatapp/client/react";
import { type FormEvent, useState } from "react";
import { replaceWith } from "../lib/navigation";
import { routes } from "../lib/routes";
import { Button } from "../ui/button";
import { Field } from "../ui/field";
import { notify } from "../ui/notices";
import { PanelHeader } from "../ui/panel";
import { ChoosePeople } from "./choose-people";
import css from "./new-group-panel.module.css";

/** For fewer others there are direct conversations. */
const FEWEST = 2;

function label(count: number): string {
  if (count === 0) return "Choose who is in it";
  return count < FEWEST ? "Choose one more" : `Create the group (${count + 1})`;
}

export default function NewGroupPanel() {
  const chat = useChat();
  const { maxGroupSize } = useObservable(chat.limits);
  const [name, setName] = useState("");
  const [chosen, setChosen] = useState<readonly User[]>([]);
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const isTooLarge = chosen.length + 1 > maxGroupSize;
  const create = (event: FormEvent) => {
    event.preventDefault();
    if (!name.trim()) return setProblem("A group needs a name.");
    setBusy(true);
    chat.conversations
      .createGroup({ name: name.trim(), memberIds: chosen.map((user) => user.id) })
      .then(({ id }) => replaceWith(routes.conversation(id)), notify.failed)
      .finally(() => setBusy(false));
  };
  return (
    <form className={css.panel} onSubmit={create} noValidate>
      <PanelHeader title="New group" back={routes.home} />
      <div className={css.name}>
        <Field
          label="Name of the group"
          value={name}
          maxLength={100}
          error={problem}
          autoComplete="off"
          onChange={(event) => {
            setName(event.target.value);
            setProblem(undefined);
          }}
        />
      </div>
      <ChoosePeople chosen={chosen} onChange={setChosen} />
      <footer className={css.footer}>
        {isTooLarge && <p role="alert">A group has at most {maxGroupSize} members, you included.</p>}
        <Button type="submit" variant="primary" wide busy={isBusy} disabled={chosen.length < FEWEST || isTooLarge}>
          {label(chosen.length)}
        </Button>
      </footer>
    </form>
  );
}
