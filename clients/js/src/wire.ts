/** What the server says, by its own documents. */
import type { components, Pushed, Requests } from "./generated/asyncapi.js";

type Schemas = components["schemas"];

export type Entry = Schemas["Entry"];
export type WireConversation = Schemas["Conversation"];
export type WireMember = Schemas["Participant"];
export type Synced = Schemas["Synced"];
export type SyncedConversation = Schemas["SyncedConversation"];
export type Ready = Schemas["ReadyPushed"];
export type SyncBody = Schemas["SyncIn"];
export type { Pushed, Requests };

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly avatar: string | null;
}

/** Who wrote the message, or did what the entry says. */
export function author(entry: Entry): Person {
  const { id, name, avatar } = entry.sender ?? entry.actor ?? { id: "", name: "", avatar: null };
  return { id, name, avatar };
}
