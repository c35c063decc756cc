/** Performs the user's actions: in the tab that asks, and in the leading tab, which stores and sends the result. */
import type { Action, Linked } from "./core.js";
import type { PresenceStore } from "./people.js";
import { addConversation } from "./pushed-events.js";
import type { Receipts } from "./receipts.js";

export interface ActionParts {
  readonly linked: Linked;
  readonly presence: PresenceStore;
  readonly receipts: Receipts;
}

export class Actions {
  constructor(private readonly parts: ActionParts) {}

  perform(action: Action): void {
    const { linked, presence, receipts } = this.parts;
    const { delivery, link } = linked;
    switch (action.kind) {
      case "entry":
        delivery.receive(action.entry, false);
        break;
      case "enter":
        addConversation({ base: linked, delivery, presence }, action.conversation);
        break;
      case "members":
        delivery.setMembers(action.conversation);
        break;
      case "fill":
        delivery.fill(action.id, action.entries, action.from, action.to);
        break;
      case "lost":
        delivery.markMissing(action.id, action.from, action.to);
        break;
      case "hide":
        delivery.hide(action.id);
        break;
      case "read":
        void delivery.markRead(action.id, action.seq);
        if (linked.isLeader()) receipts.markRead(action.id, action.seq);
        break;
      case "typing":
        this.sendTyping(action.id, action.isTyping);
        break;
      case "sync":
        link.resync();
        break;
      case "wake":
        link.wake();
        break;
    }
  }

  /** A failure needs no repeat: typing expires by itself. */
  private sendTyping(conversationId: string, isTyping: boolean): void {
    const socket = this.parts.linked.link.liveSocket;
    socket?.request("typing", { conversationId, isTyping }).catch(() => {});
  }
}
