/** The hint in the place of an empty list: why it is empty, and what to do. */
import type { ChatError } from "@chatapp/client";
import { ClipboardDocumentIcon, ExclamationTriangleIcon } from "@heroicons/react/24/outline";
import type { ReactNode } from "react";
import { copyText } from "../lib/device";
import { sentence } from "../lib/errors";
import { Button, type Icon } from "./button";
import css from "./hint.module.css";
import { notify } from "./notices";

interface HintProps {
  icon: Icon;
  title: string;
  text?: string;
  children?: ReactNode;
  role?: "status" | "alert";
}

export function Hint({ icon: Picture, title, text, children, role = "status" }: HintProps) {
  return (
    <div className={css.hint} role={role}>
      <span className={css.picture}>
        <Picture width={28} aria-hidden="true" />
      </span>
      <p className={css.title}>{title}</p>
      {text && <p className={css.text}>{text}</p>}
      {children && <div className={css.actions}>{children}</div>}
    </div>
  );
}

/** The server's id of a request: what an operator searches the log by. */
export function RequestId({ id }: { id: string }) {
  const copy = () => copyText(id).then(() => notify("The request id is copied."), notify.failed);
  return (
    <p className={css.request}>
      <span>
        Request id: <code>{id}</code>
      </span>
      <Button icon={ClipboardDocumentIcon} onClick={copy}>
        Copy
      </Button>
    </p>
  );
}

interface FailureProps {
  title: string;
  error: ChatError;
  retry?: () => void;
}

export function Failure({ title, error, retry }: FailureProps) {
  return (
    <Hint icon={ExclamationTriangleIcon} title={title} text={sentence(error)} role="alert">
      {error.requestId && <RequestId id={error.requestId} />}
      {retry && (
        <Button variant="primary" onClick={retry}>
          Try again
        </Button>
      )}
    </Hint>
  );
}
