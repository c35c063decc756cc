import { useObservable } from "@chatapp/client/react";
import { XMarkIcon } from "@heroicons/react/24/outline";
import * as Toast from "@radix-ui/react-toast";
import { IconButton } from "./button";
import { dismiss, type Notice, notices } from "./notices";
import css from "./toasts.module.css";

/** Draws the notices. Radix announces them, and stops their time while somebody points at them. */
export default function Toasts() {
  const shown = useObservable(notices);
  return (
    <Toast.Provider duration={5000} swipeDirection="up" label="Notice">
      {shown.map((notice) => (
        <One key={notice.id} notice={notice} />
      ))}
      <Toast.Viewport className={css.viewport} label="Notices ({hotkey})" />
    </Toast.Provider>
  );
}

function One({ notice: { id, text, kind, action } }: { notice: Notice }) {
  return (
    <Toast.Root
      className={css.toast}
      data-kind={kind}
      type={kind === "error" ? "foreground" : "background"}
      duration={kind === "error" || action ? 9000 : 4000}
      onOpenChange={(isOpen) => isOpen || dismiss(id)}
    >
      <Toast.Description className={css.text}>{text}</Toast.Description>
      {action && (
        <Toast.Action className={css.action} altText={action.label} onClick={action.run}>
          {action.label}
        </Toast.Action>
      )}
      <Toast.Close asChild>
        <IconButton className={css.close} label="Dismiss" icon={XMarkIcon} />
      </Toast.Close>
    </Toast.Root>
  );
}
