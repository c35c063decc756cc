/** Logging in, and making an account. */

import type { Account } from "@chatapp/client";
import { useAccount, useChat } from "@chatapp/client/react";
import { ChatBubbleLeftRightIcon } from "@heroicons/react/24/solid";
import { type ReactNode, useEffect, useState } from "react";
import { Link } from "wouter";
import { navigate } from "wouter/use-browser-location";
import { sentence } from "../lib/errors";
import { routes } from "../lib/routes";
import { type DemoUser, demoUsers } from "../lib/server";
import { Avatar } from "../ui/avatar";
import { Button } from "../ui/button";
import { Field } from "../ui/field";
import { RequestId } from "../ui/hint";
import { Name } from "../ui/name";
import { notify } from "../ui/notices";
import { Spinner } from "../ui/spinner";
import { checkEmail, checkNewPassword, type Form, SHORTEST_PASSWORD, useForm } from "./form";
import css from "./sign-in.module.css";

/** After signing in: the place whose address was opened, unless it is one of these forms. */
function enter(): void {
  const { pathname } = window.location;
  if (pathname === routes.login || pathname === routes.register) navigate(routes.home, { replace: true });
}

function Card({ title, children }: { title: string; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · chatapp`;
  }, [title]);
  return (
    <main className={css.screen}>
      <div className={css.card}>
        <header className={css.brand}>
          <span className={css.logo}>
            <ChatBubbleLeftRightIcon width={30} aria-hidden="true" />
          </span>
          <h1 className={css.title}>{title}</h1>
        </header>
        {children}
      </div>
    </main>
  );
}

export function SignIn() {
  const chat = useChat();
  const account = useAccount();
  const form = useForm({
    first: { email: "", password: "" },
    check: ({ email, password }) => ({
      ...checkEmail(email),
      ...(password ? {} : { password: "Enter your password." }),
    }),
    send: ({ email, password }) => chat.accounts.login({ email: email.trim(), password }).then(enter),
  });
  return (
    <Card title="Log in">
      <Farewell account={account} />
      <form className={css.form} onSubmit={form.submit} noValidate>
        <Field label="E-mail" type="email" autoComplete="username" inputMode="email" {...form.field("email")} />
        <Field label="Password" type="password" autoComplete="current-password" {...form.field("password")} />
        <Refusal form={form} />
        <Button variant="primary" type="submit" wide busy={form.isSending}>
          Log in
        </Button>
      </form>
      <p className={css.other}>
        New here? <Link href={routes.register}>Create an account</Link>
      </p>
      <DemoUsers />
    </Card>
  );
}

export function Registration() {
  const chat = useChat();
  const form = useForm({
    first: { name: "", email: "", password: "" },
    check: ({ name, email, password }) => ({
      ...(name.trim() ? {} : { name: "Enter a name: others see it." }),
      ...checkEmail(email),
      ...checkNewPassword("password", password),
    }),
    send: ({ name, email, password }) =>
      chat.accounts.register({ name: name.trim(), email: email.trim(), password }).then(enter),
    explain: (error) => (error.code === "EMAIL_IN_USE" ? { email: sentence(error) } : {}),
  });
  return (
    <Card title="Create an account">
      <form className={css.form} onSubmit={form.submit} noValidate>
        <Field label="Name" autoComplete="name" maxLength={100} {...form.field("name")} />
        <Field label="E-mail" type="email" autoComplete="username" inputMode="email" {...form.field("email")} />
        <Field
          label="Password"
          type="password"
          autoComplete="new-password"
          hint={`At least ${SHORTEST_PASSWORD} characters.`}
          {...form.field("password")}
        />
        <Refusal form={form} />
        <Button variant="primary" type="submit" wide busy={form.isSending}>
          Create the account
        </Button>
      </form>
      <p className={css.other}>
        You have an account? <Link href={routes.login}>Log in</Link>
      </p>
    </Card>
  );
}

/** Why it did not work, where no field is to blame. */
function Refusal({ form }: { form: Pick<Form<never>, "error"> }) {
  const { error } = form;
  return (
    <div role="alert">
      {error && (
        <div className={css.refusal}>
          <p>{sentence(error)}</p>
          {error.requestId && error.statusCode >= 500 && <RequestId id={error.requestId} />}
        </div>
      )}
    </div>
  );
}

const FAREWELLS: Record<string, string> = {
  "session-ended": "Your session was ended, here or on another device. Log in again.",
  "session-expired": "You were away for long, and your session has expired. Log in again.",
  "account-gone": "This account is no longer there.",
};

/** Why the user is here again. */
function Farewell({ account: { reason, error } }: { account: Account }) {
  const text = reason && reason !== "logout" ? (FAREWELLS[reason] ?? error?.message) : error && sentence(error);
  return text ? (
    <p className={css.farewell} role="status">
      {text}
    </p>
  ) : null;
}

function DemoUsers() {
  const chat = useChat();
  const [users, setUsers] = useState<readonly DemoUser[]>([]);
  const [chosen, setChosen] = useState<string | null>(null);
  useEffect(() => {
    const ending = new AbortController();
    void demoUsers(ending.signal).then((found) => ending.signal.aborted || setUsers(found));
    return () => ending.abort();
  }, []);
  if (users.length === 0) return null;
  const choose = ({ email, password }: DemoUser) => {
    setChosen(email);
    chat.accounts.login({ email, password }).then(enter, (thrown) => {
      setChosen(null);
      notify.failed(thrown);
    });
  };
  return (
    <section className={css.demo} aria-labelledby="demo">
      <h2 className={css.demoTitle} id="demo">
        Demo users <small>(this server runs in development)</small>
      </h2>
      <ul className={css.demoUsers}>
        {users.map((user) => (
          <li key={user.email}>
            <button type="button" className={css.demoUser} disabled={chosen !== null} onClick={() => choose(user)}>
              {chosen === user.email ? (
                <Spinner size={36} />
              ) : (
                <Avatar id={user.email} name={user.name} src={null} size={36} />
              )}
              <Name of={user.name} />
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
