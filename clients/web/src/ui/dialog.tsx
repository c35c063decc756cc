/** A modal dialog on Radix: focus stays within, Esc closes, the rest is out of reach for screen readers too. */
import { XMarkIcon } from "@heroicons/react/24/outline";
import * as Radix from "@radix-ui/react-dialog";
import type { ReactNode } from "react";
import { useOverlay } from "../lib/overlays";
import { IconButton } from "./button";
import css from "./dialog.module.css";

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ReactNode;
  /** Buttons at its end. */
  actions?: ReactNode;
}

/*
 * Radix' own overlay would put a style element into the page, which the Content-Security-Policy refuses; it only
 * keeps the page from scrolling, and this page never scrolls.
 */
export function Dialog({ title, onClose, children, actions }: DialogProps) {
  useOverlay(onClose);
  return (
    <Radix.Root open onOpenChange={(isOpen) => isOpen || onClose()}>
      <Radix.Portal>
        <div className={css.scrim} />
        <Radix.Content className={css.dialog} aria-modal="true" aria-describedby={undefined}>
          <header className={css.header}>
            <Radix.Title className={css.title}>{title}</Radix.Title>
            <Radix.Close asChild>
              <IconButton label="Close" icon={XMarkIcon} />
            </Radix.Close>
          </header>
          <div className={css.body}>{children}</div>
          {actions && <footer className={css.actions}>{actions}</footer>}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
