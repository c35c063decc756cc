/** Mentions in a text that is written: who can be named, and where somebody was. */
import type { Conversation, Member, Mention, Message } from "@chatapp/client";
import { folded } from "../lib/text";

/** Somebody who can be mentioned, and the name that the text gives them. */
export interface Mentionable {
  readonly userId: string;
  readonly name: string;
  readonly avatar: string | null;
}

const SHOWN = 6;

/** Return the part of a name that is written before the caret, behind an @; undefined where there is none. */
export function mentionedBefore(text: string, caret: number): string | undefined {
  return /(?:^|\s)@([^\s@]{0,40})$/.exec(text.slice(0, caret))?.[1];
}

/** Return those who can be mentioned, and whose name has a word that begins so. */
export function mentionable({ members, role, type }: Conversation, query: string, me: string): readonly Mentionable[] {
  const wanted = folded(query);
  const begins = (name: string) =>
    folded(name)
      .split(/\s+/)
      .some((word) => word.startsWith(wanted));
  const people = members.filter((member: Member) => member.id !== me && begins(member.name)).slice(0, SHOWN);
  const found = people.map(({ id, name, avatar }) => ({ userId: id, name, avatar }));
  const mayNameAll = type === "group" && (role === "owner" || role === "admin");
  return mayNameAll && begins("everyone") ? [...found, { userId: "everyone", name: "everyone", avatar: null }] : found;
}

/** Return those whom a message mentions, by the names that its text gives them. */
export function mentionedIn({ content, mentions }: Message): readonly Mentionable[] {
  return mentions.map(({ userId, offset, length }) => {
    return { userId, name: content.slice(offset + 1, offset + length), avatar: null };
  });
}

/** Return where in the text those who were chosen are mentioned. */
export function mentionsIn(text: string, chosen: readonly Mentionable[]): readonly Mention[] {
  const found: Mention[] = [];
  for (const { userId, name } of [...chosen].sort((a, b) => b.name.length - a.name.length)) {
    const mark = `@${name}`;
    for (let offset = text.indexOf(mark); offset !== -1; offset = text.indexOf(mark, offset + mark.length)) {
      const isTaken = found.some((row) => offset < row.offset + row.length && row.offset < offset + mark.length);
      if (!isTaken) found.push({ userId, offset, length: mark.length });
    }
  }
  return found.sort((a, b) => a.offset - b.offset);
}
