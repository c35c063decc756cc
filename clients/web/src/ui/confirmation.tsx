import { useObservable } from "@chatapp/client/react";
import * as Radix from "@radix-ui/react-alert-dialog";
import { useOverlay } from "../lib/overlays";
import { Button } from "./button";
import css from "./dialog.module.css";
import { question } from "./questions";

/** Draws the question that waits for an answer. */
export default function Confirmation() {
  const asked = useObservable(question);
  useOverlay(() => asked?.answer(false), asked !== null);
  if (!asked) return null;
  return (
    <Radix.Root open onOpenChange={(isOpen) => isOpen || asked.answer(false)}>
      <Radix.Portal>
        <div className={css.scrim} />
        <Radix.Content className={css.dialog} aria-modal="true">
          <header className={css.header}>
            <Radix.Title className={css.title}>{asked.title}</Radix.Title>
          </header>
          <div className={css.body}>
            <Radix.Description className={css.text}>{asked.text}</Radix.Description>
          </div>
          <footer className={css.actions}>
            <Radix.Cancel asChild>
              <Button>Cancel</Button>
            </Radix.Cancel>
            <Radix.Action asChild>
              <Button variant={asked.isDangerous ? "danger" : "primary"} onClick={() => asked.answer(true)}>
                {asked.action}
              </Button>
            </Radix.Action>
          </footer>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
