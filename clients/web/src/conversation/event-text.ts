/** The sentence for an event in a group. */

import type { ConversationEvent } from "@chatapp/client";
import { isolated } from "../lib/names";
import { listed } from "../lib/text";

const ROLES = { owner: "the owner", admin: "an admin", member: "a member" } as const;

export function eventText({ actor, change }: ConversationEvent, me: string): string {
  const isMe = actor.id === me;
  const who = isMe ? "You" : isolated(actor.name);
  const called = (person: { id: string; name: string | null }) =>
    person.id === me ? "you" : person.id === actor.id ? "themselves" : isolated(person.name ?? "somebody");
  const named = (userId: string, name: string | null) => called({ id: userId, name });
  switch (change.type) {
    case "member_added":
      return `${who} added ${listed(change.members.map(called), 4)}`;
    case "member_removed":
      return `${who} removed ${named(change.userId, change.name)}`;
    case "member_left":
      return `${who} left`;
    case "role_changed":
      return roleText(who, isMe, change.roles, named);
    case "conversation_changed":
      return changedText(who, change);
  }
}

type RoleChange = Extract<ConversationEvent["change"], { type: "role_changed" }>;

/** Handing over changes two roles: it is the new owner's that matters. */
function roleText(
  who: string,
  isMe: boolean,
  roles: RoleChange["roles"],
  named: (userId: string, name: string | null) => string,
): string {
  const [main] = [...roles].sort((a, b) => Number(b.role === "owner") - Number(a.role === "owner"));
  if (!main) return `${who} changed roles`;
  const name = named(main.userId, main.name);
  if (name === "themselves" || (isMe && name === "you")) return `${who} became ${ROLES[main.role]}`;
  return `${who} made ${name} ${ROLES[main.role]}`;
}

type GroupChange = Extract<ConversationEvent["change"], { type: "conversation_changed" }>;

function changedText(who: string, change: GroupChange): string {
  if (change.name) return `${who} named the group “${isolated(change.name)}”`;
  if (change.history === "all") return `${who} let new members see earlier messages`;
  if (change.history === "since_join") return `${who} keeps earlier messages from new members`;
  if (change.whoMayPin === "everyone") return `${who} lets everyone pin messages`;
  if (change.whoMayPin === "admins") return `${who} lets only admins pin messages`;
  return change.avatar ? `${who} changed the picture of the group` : `${who} removed the picture of the group`;
}
