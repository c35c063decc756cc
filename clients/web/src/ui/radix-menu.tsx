import * as Radix from "@radix-ui/react-dropdown-menu";
import { type ReactNode, useEffect, useState } from "react";
import { useOverlay } from "../lib/overlays";
import { IconButton } from "./button";
import type { MenuItem, MenuProps } from "./menu";
import css from "./menu.module.css";

/** The menu of `Menu`, open when it first appears: a click, or a key, has brought it here. */
export default function RadixMenu(props: MenuProps & { isByKeyboard: boolean }) {
  const { label, icon, items, className, tabIndex, isByKeyboard } = props;
  const [isOpen, setOpen] = useState(true);
  useOverlay(() => setOpen(false), isOpen);
  useEffect(() => {
    if (!isByKeyboard) return;
    const frame = requestAnimationFrame(() => document.querySelector<HTMLElement>("[role=menuitem]")?.focus());
    return () => cancelAnimationFrame(frame);
  }, [isByKeyboard]);
  return (
    <Radix.Root open={isOpen} onOpenChange={setOpen} modal={false}>
      <Radix.Trigger asChild>
        <IconButton label={label} icon={icon} className={className} tabIndex={tabIndex} />
      </Radix.Trigger>
      <MenuContent items={items} align="end" />
    </Radix.Root>
  );
}

interface MenuContentProps {
  items: readonly MenuItem[];
  align: "start" | "end";
  /** Items above the others. */
  children?: ReactNode;
}

export function MenuContent({ items, align, children }: MenuContentProps) {
  return (
    <Radix.Portal>
      <Radix.Content
        className={css.menu}
        align={align}
        sideOffset={4}
        collisionPadding={8}
        onCloseAutoFocus={(event) => {
          if (document.activeElement instanceof HTMLInputElement) event.preventDefault(); // an item has led there
        }}
      >
        {children}
        {items.map(({ label, icon: Picture, onSelect, isDangerous }) => (
          <Radix.Item key={label} className={css.item} data-dangerous={isDangerous} onSelect={onSelect}>
            <Picture width={18} aria-hidden="true" />
            {label}
          </Radix.Item>
        ))}
      </Radix.Content>
    </Radix.Portal>
  );
}
