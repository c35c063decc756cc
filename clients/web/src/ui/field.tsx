import { EyeIcon, EyeSlashIcon } from "@heroicons/react/24/outline";
import { type ComponentProps, useId, useState } from "react";
import { IconButton } from "./button";
import css from "./field.module.css";

interface FieldProps extends ComponentProps<"input"> {
  label: string;
  /** The problem with its value. */
  error?: string;
  hint?: string;
}

/** A labelled input that says what is wrong with it. Passwords can be looked at. */
export function Field({ label, error, hint, type = "text", ...input }: FieldProps) {
  const id = useId();
  const [isShown, setShown] = useState(false);
  const isPassword = type === "password";
  const described = error ? `${id}-error` : hint ? `${id}-hint` : undefined;
  return (
    <div className={css.field}>
      <label className={css.label} htmlFor={id}>
        {label}
      </label>
      <div className={css.box} data-invalid={error ? true : undefined}>
        <input
          {...input}
          id={id}
          className={css.input}
          type={isPassword && isShown ? "text" : type}
          aria-invalid={error ? true : undefined}
          aria-describedby={described}
        />
        {isPassword && (
          <IconButton
            label={isShown ? "Hide the password" : "Show the password"}
            icon={isShown ? EyeSlashIcon : EyeIcon}
            onClick={() => setShown(!isShown)}
          />
        )}
      </div>
      {error ? (
        <p className={css.error} id={`${id}-error`}>
          {error}
        </p>
      ) : (
        hint && (
          <p className={css.hint} id={`${id}-hint`}>
            {hint}
          </p>
        )
      )}
    </div>
  );
}
