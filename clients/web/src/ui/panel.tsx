import { ArrowLeftIcon } from "@heroicons/react/24/outline";
import { type ReactNode, useEffect, useRef } from "react";
import { goBack } from "../lib/navigation";
import { IconButton } from "./button";
import css from "./panel.module.css";

interface PanelHeaderProps {
  title: string;
  /** The address that the arrow before the title leads to. */
  back?: string;
  before?: ReactNode;
  children?: ReactNode;
}

export function PanelHeader({ title, back, before, children }: PanelHeaderProps) {
  const header = useRef<HTMLElement>(null);
  useEffect(() => {
    const panel = header.current?.parentElement;
    if (back !== undefined && !panel?.contains(document.activeElement))
      header.current?.querySelector("button")?.focus();
  }, [back]);
  return (
    <header className={css.header} ref={header}>
      {back !== undefined && <IconButton label="Back" icon={ArrowLeftIcon} onClick={() => goBack(back)} />}
      {before}
      <h1 className={css.title}>{title}</h1>
      {children}
    </header>
  );
}
