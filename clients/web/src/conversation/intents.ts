/** The intent of a composer beside a new message: the message that is edited, or replied to. */
import type { Message } from "@chatapp/client";
import { useObservable } from "@chatapp/client/react";
import { createStore } from "../lib/store";

export interface Intent {
  readonly kind: "edit" | "reply";
  readonly message: Message;
}

const intents = createStore<ReadonlyMap<string, Intent>>(new Map());

export function begin(kind: Intent["kind"], message: Message): void {
  intents.set(new Map(intents.getSnapshot()).set(message.conversationId, { kind, message }));
}

export function endIntent(conversationId: string): void {
  const others = new Map(intents.getSnapshot());
  if (others.delete(conversationId)) intents.set(others);
}

export function useIntent(conversationId: string): Intent | undefined {
  return useObservable(intents).get(conversationId);
}

/** Return whether the user may give it another text. */
export function isEditable({ mine, deleted, content, status }: Message): boolean {
  return mine && !deleted && content !== "" && status !== "failed";
}
