/** A form's fields, what is wrong with them, and its sending. */
import type { ChatError } from "@chatapp/client";
import { type FormEvent, useRef, useState } from "react";
import { toChatError } from "../lib/errors";

export type Problems = Readonly<Record<string, string | undefined>>;

interface FormOptions<Name extends string> {
  readonly first: Readonly<Record<Name, string>>;
  /** Returns the problems that are seen before anything is sent. */
  readonly check: (values: Readonly<Record<Name, string>>) => Problems;
  readonly send: (values: Readonly<Record<Name, string>>) => Promise<unknown>;
  /** Returns the problem of each field by the server's answer. */
  readonly explain?: (error: ChatError) => Problems;
}

export interface Form<Name extends string> {
  readonly values: Readonly<Record<Name, string>>;
  readonly problems: Problems;
  /** The error that belongs to no field. */
  readonly error: ChatError | null;
  readonly isSending: boolean;
  readonly submit: (event: FormEvent<HTMLFormElement>) => void;
  readonly field: (name: Name) => {
    name: Name;
    value: string;
    error: string | undefined;
    onChange: (event: { target: { value: string } }) => void;
  };
}

export function useForm<Name extends string>(options: FormOptions<Name>): Form<Name> {
  const [values, setValues] = useState(options.first);
  const [problems, setProblems] = useState<Problems>({});
  const [error, setError] = useState<ChatError | null>(null);
  const [isSending, setSending] = useState(false);
  const form = useRef<HTMLFormElement>(null);

  function show(found: Problems): void {
    setProblems(found);
    requestAnimationFrame(() => form.current?.querySelector<HTMLElement>("[aria-invalid]")?.focus());
  }

  async function send(): Promise<void> {
    setSending(true);
    setError(null);
    try {
      await options.send(values);
    } catch (thrown) {
      const failure = toChatError(thrown);
      const named = { ...firstOfEach(failure.fields), ...options.explain?.(failure) };
      const known = Object.fromEntries(Object.entries(named).filter(([name]) => name in values));
      if (Object.keys(known).length > 0) show(known);
      else setError(failure);
    } finally {
      setSending(false);
    }
  }

  return {
    values,
    problems,
    error,
    isSending,
    submit: (event) => {
      event.preventDefault();
      form.current = event.currentTarget;
      const found = options.check(values);
      show(found);
      if (Object.keys(found).length === 0 && !isSending) void send();
    },
    field: (name) => ({
      name,
      value: values[name],
      error: problems[name],
      onChange: (event) => {
        setValues({ ...values, [name]: event.target.value });
        setProblems(({ [name]: _, ...others }) => others);
      },
    }),
  };
}

function firstOfEach(fields: Readonly<Record<string, readonly string[]>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([name, texts]) => [name, texts[0] ?? ""]));
}

const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;

export function checkEmail(email: string): Problems {
  if (!email.trim()) return { email: "Enter your e-mail address." };
  return EMAIL.test(email.trim()) ? {} : { email: "This is not an e-mail address." };
}

export const SHORTEST_PASSWORD = 6;

export function checkNewPassword(name: string, password: string): Problems {
  if (password.length >= SHORTEST_PASSWORD) return {};
  return { [name]: `Use at least ${SHORTEST_PASSWORD} characters.` };
}
