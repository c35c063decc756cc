/** The boundary of a fault of the app itself: the rest goes on, and the fault can be reported. */
import { ArrowPathIcon, ExclamationTriangleIcon } from "@heroicons/react/24/outline";
import { Component, type ReactNode } from "react";
import { sentence, toChatError } from "../lib/errors";
import { Button } from "../ui/button";
import { Hint, RequestId } from "../ui/hint";

interface Props {
  children: ReactNode;
  /** Another one takes the failure away: the place where it happened was left. */
  place?: string;
}

interface State {
  error: unknown;
  place: string | undefined;
}

export class ErrorBoundary extends Component<Props, State> {
  override state: State = { error: undefined, place: this.props.place };

  static getDerivedStateFromError(error: unknown): Partial<State> {
    return { error };
  }

  static getDerivedStateFromProps({ place }: Props, state: State): State | null {
    return place === state.place ? null : { error: undefined, place };
  }

  override render(): ReactNode {
    const { error } = this.state;
    return error === undefined ? (
      this.props.children
    ) : (
      <Broken error={error} again={() => this.setState({ error: undefined })} />
    );
  }
}

/** A part of the app was not there any more: a newer version is on the server. */
function isOutdated(error: unknown): boolean {
  return error instanceof Error && /dynamically imported module|module script|preload CSS/i.test(error.message);
}

function Broken({ error, again }: { error: unknown; again: () => void }) {
  const known = toChatError(error);
  if (isOutdated(error)) {
    return (
      <Hint
        icon={ArrowPathIcon}
        title="This part could not be loaded"
        text="You are offline, or the app has a new version."
        role="alert"
      >
        <Button variant="primary" onClick={() => window.location.reload()}>
          Load the app again
        </Button>
      </Hint>
    );
  }
  return (
    <Hint icon={ExclamationTriangleIcon} title="Something went wrong here" text={sentence(known)} role="alert">
      {known.requestId && <RequestId id={known.requestId} />}
      <Button onClick={() => window.location.reload()}>Load the app again</Button>
      <Button variant="primary" onClick={again}>
        Try again
      </Button>
    </Hint>
  );
}
