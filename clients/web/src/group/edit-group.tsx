import type { Conversation } from "@chatapp/client";
import { useChat } from "@chatapp/client/react";
import { useForm } from "../auth/form";
import { sentence } from "../lib/errors";
import { checkPicture } from "../settings/check-picture";
import { Avatar } from "../ui/avatar";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import css from "./group-info.module.css";

export function EditGroup({ conversation, onClose }: { conversation: Conversation; onClose: () => void }) {
  const { id, title, avatar } = conversation;
  const chat = useChat();
  const form = useForm({
    first: { name: title, avatar: avatar ?? "" },
    check: ({ name, avatar: address }) => ({
      ...(name.trim() ? {} : { name: "A group needs a name." }),
      ...checkPicture(address),
    }),
    send: async ({ name, avatar: address }) => {
      await chat.conversations.change(id, { name: name.trim(), avatar: address.trim() || null });
      onClose();
    },
  });
  return (
    <Dialog title="Name and picture" onClose={onClose}>
      <form className={css.form} onSubmit={form.submit} noValidate>
        <Field label="Name" maxLength={100} {...form.field("name")} />
        <Field
          label="Address of a picture"
          type="url"
          placeholder="https://…"
          maxLength={2048}
          {...form.field("avatar")}
        />
        <Avatar id={id} name={form.values.name} src={form.values.avatar || null} size={72} />
        <div role="alert">{form.error && <p className={css.problem}>{sentence(form.error)}</p>}</div>
        <Button type="submit" variant="primary" busy={form.isSending}>
          Save
        </Button>
      </form>
    </Dialog>
  );
}
