/** Conversations and people that match. */

import type { Conversation } from "@chatapp/client";
import { useConversations } from "@chatapp/client/react";
import { MagnifyingGlassIcon } from "@heroicons/react/24/outline";
import { folded } from "../lib/text";
import { useToday } from "../lib/time";
import { PersonRow } from "../people/person-row";
import { useOpenDirect } from "../people/use-open-direct";
import { usePeople } from "../people/use-people";
import { Failure, Hint } from "../ui/hint";
import { Spinner } from "../ui/spinner";
import { ConversationRow } from "./conversation-row";
import css from "./search-results.module.css";

interface SearchResultsProps {
  query: string;
  open: string | undefined;
  onChosen: () => void;
}

function matches(conversation: Conversation, wanted: string): boolean {
  const { title, members, lastMessage } = conversation;
  const texts = [title, lastMessage?.content ?? "", ...members.map((member) => member.name)];
  return texts.some((text) => folded(text).includes(wanted));
}

const MOST = 50;

export default function SearchResults({ query, open, onChosen }: SearchResultsProps) {
  const today = useToday();
  const wanted = folded(query);
  const conversations = useConversations()
    .data.filter((conversation) => matches(conversation, wanted))
    .slice(0, MOST);
  const people = usePeople(query);
  const { openDirect, opening } = useOpenDirect(onChosen);
  const shown = new Set(conversations.map((conversation) => conversation.partner?.id));
  const others = people.data.filter((user) => !shown.has(user.id));
  const isNothing = conversations.length === 0 && others.length === 0;
  if (isNothing && people.status === "ready") {
    return (
      <Hint
        icon={MagnifyingGlassIcon}
        title="Nothing found"
        text="No conversation and nobody you can write to has that in it."
      />
    );
  }
  return (
    <div className={css.results}>
      {conversations.length > 0 && (
        <section aria-label="Conversations found">
          <h2 className={css.heading}>Conversations</h2>
          <ul className={css.rows}>
            {conversations.map((conversation) => (
              <li key={conversation.id}>
                <ConversationRow conversation={conversation} isOpen={conversation.id === open} today={today} />
              </li>
            ))}
          </ul>
        </section>
      )}
      {others.length > 0 && (
        <section aria-label="People found">
          <h2 className={css.heading}>People</h2>
          <ul className={css.rows}>
            {others.map((user) => (
              <li key={user.id}>
                <PersonRow user={user} isBusy={opening === user.id} onClick={() => openDirect(user.id)} />
              </li>
            ))}
          </ul>
        </section>
      )}
      {people.status === "loading" && (
        <p className={css.more} role="status">
          <Spinner /> Searching people…
        </p>
      )}
      {people.status === "error" && (
        <Failure title="People can't be searched now" error={people.error} retry={people.retry} />
      )}
    </div>
  );
}
