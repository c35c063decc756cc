import { useAccount, useChat } from "@chatapp/client/react";
import { useState } from "react";
import { checkNewPassword, SHORTEST_PASSWORD, useForm } from "../auth/form";
import { sentence } from "../lib/errors";
import { goBack } from "../lib/navigation";
import { routes } from "../lib/routes";
import { Button } from "../ui/button";
import { Field } from "../ui/field";
import { notify } from "../ui/notices";
import css from "./settings.module.css";

export function Password() {
  const chat = useChat();
  const { user } = useAccount();
  const [count, setCount] = useState(0);
  const form = useForm({
    first: { currentPassword: "", newPassword: "" },
    check: ({ currentPassword, newPassword }) => ({
      ...(currentPassword ? {} : { currentPassword: "Enter your password as it is now." }),
      ...checkNewPassword("newPassword", newPassword),
    }),
    send: async ({ currentPassword, newPassword }) => {
      await chat.accounts.changePassword(currentPassword, newPassword);
      setCount(count + 1);
      notify("Your password is changed. Your other devices are logged out.");
      goBack(routes.settings);
    },
    explain: (error) => (error.code === "INVALID_CREDENTIALS" ? { currentPassword: "This is not your password." } : {}),
  });
  return (
    <form className={css.form} onSubmit={form.submit} noValidate>
      <input type="email" autoComplete="username" value={user?.email ?? ""} readOnly hidden />
      <Field
        label="Current password"
        type="password"
        autoComplete="current-password"
        {...form.field("currentPassword")}
      />
      <Field
        label="New password"
        type="password"
        autoComplete="new-password"
        hint={`At least ${SHORTEST_PASSWORD} characters. All your other devices are logged out.`}
        {...form.field("newPassword")}
      />
      <div role="alert">{form.error && <p className={css.problem}>{sentence(form.error)}</p>}</div>
      <Button type="submit" variant="primary" busy={form.isSending}>
        Change the password
      </Button>
    </form>
  );
}
