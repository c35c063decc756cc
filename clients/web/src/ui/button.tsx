/** Buttons, with words and with icons. */
import type { ComponentProps, ComponentType, ReactNode, SVGProps } from "react";
import css from "./button.module.css";
import { Spinner } from "./spinner";

export type Icon = ComponentType<SVGProps<SVGSVGElement>>;

export interface ButtonProps extends Omit<ComponentProps<"button">, "type"> {
  variant?: "primary" | "plain" | "danger" | "soft";
  type?: "button" | "submit";
  icon?: Icon;
  /** Shows that it works on it, and takes no second click. */
  busy?: boolean;
  wide?: boolean;
}

export function Button(props: ButtonProps): ReactNode {
  const { variant = "plain", type = "button", icon: Picture, busy, wide, className = "", children, ...rest } = props;
  const classes = `${css.button} ${css[variant]} ${wide ? css.wide : ""} ${className}`;
  return (
    <button {...rest} type={type} className={classes} aria-busy={busy || undefined} disabled={rest.disabled || busy}>
      {busy ? <Spinner /> : Picture && <Picture width={18} aria-hidden="true" />}
      {children}
    </button>
  );
}

export interface IconButtonProps extends Omit<ComponentProps<"button">, "type"> {
  label: string;
  icon: Icon;
  type?: "button" | "submit";
  filled?: boolean;
}

export function IconButton({
  label,
  icon: Picture,
  type = "button",
  filled,
  className = "",
  ...rest
}: IconButtonProps) {
  const classes = `${css.icon} ${filled ? css.filled : ""} ${className}`;
  return (
    <button {...rest} type={type} className={classes} aria-label={label} title={rest.title ?? label}>
      <Picture width={22} aria-hidden="true" />
    </button>
  );
}
