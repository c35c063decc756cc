/** Types of the server's data, generated from its own documents. */
import type { components, Pushed, Requests } from "./generated/asyncapi.js";

type Schemas = components["schemas"];

export type Entry = Schemas["Entry"];
export type WireConversation = Schemas["Conversation"];
export type WireMember = Schemas["Participant"];
export type Synced = Schemas["Synced"];
export type SyncedConversation = Schemas["SyncedConversation"];
export type OwnChanged = Schemas["OwnChanged"];
export type WireDraft = Schemas["Draft"];
export type WireSettings = Schemas["Settings"];
export type Ready = Schemas["ReadyPushed"];
export type SyncBody = Schemas["SyncIn"];
export type { Pushed, Requests };

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly avatar: string | null;
}

/** The sender of a message, or the actor of a change. */
export function author(entry: Entry): Person {
  const { id, name, avatar } = entry.sender ?? entry.actor ?? { id: "", name: "", avatar: null };
  return { id, name, avatar };
}
