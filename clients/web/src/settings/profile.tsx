import { useAccount, useChat } from "@chatapp/client/react";
import { checkEmail, useForm } from "../auth/form";
import { sentence } from "../lib/errors";
import { Avatar } from "../ui/avatar";
import { Button } from "../ui/button";
import { Field } from "../ui/field";
import { notify } from "../ui/notices";
import { checkPicture } from "./check-picture";
import css from "./settings.module.css";

export function Profile() {
  const chat = useChat();
  const { user } = useAccount();
  const form = useForm({
    first: { name: user?.name ?? "", email: user?.email ?? "", avatar: user?.avatar ?? "" },
    check: ({ name, email, avatar }) => ({
      ...(name.trim() ? {} : { name: "Enter a name: others see it." }),
      ...checkEmail(email),
      ...checkPicture(avatar),
    }),
    send: async ({ name, email, avatar }) => {
      await chat.accounts.updateProfile({ name: name.trim(), email: email.trim(), avatar: avatar.trim() || null });
      notify("Your profile is saved.");
    },
    explain: (error) => (error.code === "EMAIL_IN_USE" ? { email: sentence(error) } : {}),
  });
  return (
    <form className={css.form} onSubmit={form.submit} noValidate>
      <div className={css.picture}>
        <Avatar id={user?.id ?? ""} name={form.values.name} src={form.values.avatar.trim() || null} size={112} />
      </div>
      <Field label="Name" autoComplete="name" maxLength={100} {...form.field("name")} />
      <Field label="E-mail" type="email" autoComplete="email" {...form.field("email")} />
      <Field
        label="Picture"
        type="url"
        placeholder="https://…"
        maxLength={2048}
        hint="The address of a picture on the web. Empty: your initials."
        {...form.field("avatar")}
      />
      <div role="alert">{form.error && <p className={css.problem}>{sentence(form.error)}</p>}</div>
      <Button type="submit" variant="primary" busy={form.isSending}>
        Save
      </Button>
    </form>
  );
}
