/** A button with a menu. Radix' menu is loaded when somebody first means to open one. */
import { lazy, Suspense, useState } from "react";
import { type Icon, IconButton } from "./button";

export interface MenuItem {
  readonly label: string;
  readonly icon: Icon;
  readonly onSelect: () => void;
  readonly isDangerous?: boolean;
}

export interface MenuProps {
  label: string;
  icon: Icon;
  items: readonly MenuItem[];
  className?: string;
  tabIndex?: number;
}

const load = () => import("./radix-menu");
const RadixMenu = lazy(load);

export function Menu(props: MenuProps) {
  const [wantedBy, setWantedBy] = useState<"pointer" | "keyboard" | null>(null);
  const { label, icon, className, tabIndex } = props;
  const button = (
    <IconButton
      label={label}
      icon={icon}
      className={className}
      tabIndex={tabIndex}
      aria-haspopup="menu"
      aria-expanded={false}
      onPointerEnter={() => void load()}
      onFocus={() => void load()}
      onClick={({ detail }) => setWantedBy(detail === 0 ? "keyboard" : "pointer")}
    />
  );
  if (!wantedBy) return button;
  return (
    <Suspense fallback={button}>
      <RadixMenu {...props} isByKeyboard={wantedBy === "keyboard"} />
    </Suspense>
  );
}
