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
  const isMoving = (email: string) => email.trim().toLowerCase() !== user?.email.toLowerCase();
  const form = useForm({
    first: { name: user?.name ?? "", email: user?.email ?? "", currentPassword: "", avatar: user?.avatar ?? "" },
    check: ({ name, email, currentPassword, avatar }) => ({
      ...(name.trim() ? {} : { name: "Enter a name: others see it." }),
      ...checkEmail(email),
      ...(isMoving(email) && !currentPassword ? { currentPassword: "Enter your password: the address changes." } : {}),
      ...checkPicture(avatar),
    }),
    send: async ({ name, email, currentPassword, avatar }) => {
      await chat.accounts.updateProfile({
        name: name.trim(),
        email: email.trim(),
        ...(isMoving(email) && { currentPassword }),
        avatar: avatar.trim() || null,
      });
      notify("Your profile is saved.");
    },
    explain: (error) => {
      if (error.code === "EMAIL_IN_USE") return { email: sentence(error) };
      return error.code === "INVALID_CREDENTIALS" ? { currentPassword: "This is not your password." } : {};
    },
  });
  return (
    <form className={css.form} onSubmit={form.submit} noValidate>
      <div className={css.picture}>
        <Avatar id={user?.id ?? ""} name={form.values.name} src={form.values.avatar.trim() || null} size={112} />
      </div>
      <Field label="Name" autoComplete="name" maxLength={100} {...form.field("name")} />
      <Field label="E-mail" type="email" autoComplete="email" {...form.field("email")} />
      {isMoving(form.values.email) && (
        <Field
          label="Current password"
          type="password"
          autoComplete="current-password"
          hint="Another e-mail address takes your password."
          {...form.field("currentPassword")}
        />
      )}
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
