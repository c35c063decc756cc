/** Conversations, people and messages that match; within one conversation, messages alone. */
import type { Conversation, FoundMessage } from "@chatapp/client";
import { useConversation, useConversations } from "@chatapp/client/react";
import { MagnifyingGlassIcon } from "@heroicons/react/24/outline";
import { type KeyboardEvent, type ReactNode, useState } from "react";
import { jumpTo } from "../conversation/use-jump";
import { isComposing } from "../lib/keys";
import { go } from "../lib/navigation";
import { routes } from "../lib/routes";
import { folded, plural } from "../lib/text";
import { useToday } from "../lib/time";
import { PersonRow } from "../people/person-row";
import { useOpenDirect } from "../people/use-open-direct";
import { usePeople } from "../people/use-people";
import { Button } from "../ui/button";
import { Failure, Hint } from "../ui/hint";
import { Spinner } from "../ui/spinner";
import { ConversationRow } from "./conversation-row";
import { FoundRow } from "./found-row";
import { NO_FILTERS, SearchFilters } from "./search-filters";
import css from "./search-results.module.css";
import { useFound } from "./use-found";

/** More conversations or people than this are shown when somebody asks for them: messages stand below. */
const FEW = 4;
const MOST = 50;

interface SearchResultsProps {
  query: string;
  /** The conversation to search in alone. */
  inside: string | null;
  open: string | undefined;
  onChosen: () => void;
}

export default function SearchResults({ query, inside, open, onChosen }: SearchResultsProps) {
  const scope = useConversation(inside ?? "");
  const [filters, setFilters] = useState(NO_FILTERS);
  const isForAll = !scope && !filters.kind && !filters.from;
  const found = useFound({
    text: query.trim(),
    ...(scope && { in: scope.id }),
    ...(filters.from && { from: filters.from }),
    ...(filters.kind && { kind: filters.kind }),
  });
  const conversations = useMatching(isForAll ? query : "");
  const people = usePeople(isForAll ? query : "");
  const shown = new Set(conversations.map((conversation) => conversation.partner?.id));
  const others = people.data.filter((user) => !shown.has(user.id));
  const isAllHere = people.status === "ready" && found.status === "ready";
  const isNothing = isAllHere && conversations.length + others.length + found.data.length === 0;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: arrows move between what was found
    <div className={css.results} onKeyDown={moveBetweenRows}>
      <SearchFilters scope={scope} filters={filters} onChange={setFilters} />
      <p className="hidden" role="status">
        {found.status === "ready" && found.data.length > 0 && `${plural(found.data.length, "message")} found`}
      </p>
      {!query.trim() ? (
        <Hint icon={MagnifyingGlassIcon} title="Search in this chat" text="Type what you are looking for." />
      ) : (
        isNothing && <Nothing isForAll={isForAll} />
      )}
      <ConversationsFound conversations={conversations} open={open} />
      <PeopleFound people={{ ...people, data: others }} onChosen={onChosen} />
      <MessagesFound found={found} isInside={scope !== null} />
    </div>
  );
}

function useMatching(query: string): readonly Conversation[] {
  const { data } = useConversations();
  const wanted = folded(query);
  if (!wanted) return [];
  const matches = ({ title, members }: Conversation) =>
    [title, ...members.map((member) => member.name)].some((text) => folded(text).includes(wanted));
  return data.filter(matches).slice(0, MOST);
}

function Nothing({ isForAll }: { isForAll: boolean }) {
  const text = isForAll
    ? "No message, no conversation and nobody you can write to has that in it."
    : "No message here has all of these words.";
  return <Hint icon={MagnifyingGlassIcon} title="Nothing found" text={text} />;
}

interface SectionProps<T> {
  title: string;
  label: string;
  rows: readonly T[];
  render: (row: T) => ReactNode;
}

/** The first few; all of them when somebody asks. */
function Section<T extends { readonly id: string }>({ title, label, rows, render }: SectionProps<T>) {
  const [isWhole, setWhole] = useState(false);
  if (rows.length === 0) return null;
  const few = isWhole || rows.length <= FEW + 1 ? rows : rows.slice(0, FEW);
  return (
    <section aria-label={label}>
      <h2 className={css.heading}>{title}</h2>
      <ul className={css.rows}>
        {few.map((row) => (
          <li key={row.id}>{render(row)}</li>
        ))}
      </ul>
      {few.length < rows.length && (
        <div className={css.more}>
          <Button onClick={() => setWhole(true)}>Show all {rows.length}</Button>
        </div>
      )}
    </section>
  );
}

function ConversationsFound({ conversations, open }: { conversations: readonly Conversation[]; open?: string }) {
  const today = useToday();
  return (
    <Section
      title="Conversations"
      label="Conversations found"
      rows={conversations}
      render={(row) => <ConversationRow conversation={row} isOpen={row.id === open} today={today} />}
    />
  );
}

function PeopleFound({ people, onChosen }: { people: ReturnType<typeof usePeople>; onChosen: () => void }) {
  const { openDirect, opening } = useOpenDirect(onChosen);
  return (
    <>
      <Section
        title="People"
        label="People found"
        rows={people.data}
        render={(user) => <PersonRow user={user} isBusy={opening === user.id} onClick={() => openDirect(user.id)} />}
      />
      {people.status === "loading" && (
        <p className={css.more} role="status">
          <Spinner /> Searching people…
        </p>
      )}
      {people.status === "error" && (
        <Failure title="People can't be searched now" error={people.error} retry={people.retry} />
      )}
    </>
  );
}

function MessagesFound({ found, isInside }: { found: ReturnType<typeof useFound>; isInside: boolean }) {
  const today = useToday();
  const [chosen, setChosen] = useState<string>();
  const choose = ({ message }: FoundMessage) => {
    setChosen(message.key);
    go(routes.conversation(message.conversationId));
    if (message.seq !== null) jumpTo(message.conversationId, message.seq);
  };
  return (
    <>
      {found.data.length > 0 && (
        <section aria-label="Messages found" aria-busy={found.status === "loading"}>
          <h2 className={css.heading}>Messages</h2>
          <ul className={css.rows}>
            {found.data.map((row) => (
              <li key={row.message.key}>
                <FoundRow
                  found={row}
                  today={today}
                  isInside={isInside}
                  isChosen={row.message.key === chosen}
                  onClick={() => choose(row)}
                />
              </li>
            ))}
          </ul>
        </section>
      )}
      {found.status === "loading" && found.data.length === 0 && (
        <p className={css.more} role="status">
          <Spinner /> Searching messages…
        </p>
      )}
      {found.more && (
        <div className={css.more}>
          <Button busy={found.loadingMore} onClick={found.loadMore}>
            More messages
          </Button>
        </div>
      )}
      {found.error && <Failure title="Messages can't be searched now" error={found.error} retry={found.retry} />}
    </>
  );
}

/** Arrows, Home and End move between the rows; up from the first, and Esc, lead back to the field. */
function moveBetweenRows(event: KeyboardEvent<HTMLElement>): void {
  if (isComposing(event.nativeEvent) || event.altKey || event.ctrlKey || event.metaKey) return;
  const rows = [...event.currentTarget.querySelectorAll<HTMLElement>("li a, li button")];
  const here = rows.indexOf(document.activeElement as HTMLElement);
  const field = event.currentTarget.parentElement?.querySelector("input");
  if (event.key === "Escape") field?.focus();
  else if (here === -1) return;
  else if (event.key === "ArrowDown") rows[here + 1]?.focus();
  else if (event.key === "ArrowUp") (rows[here - 1] ?? field)?.focus();
  else if (event.key === "Home") rows[0]?.focus();
  else if (event.key === "End") rows.at(-1)?.focus();
  else return;
  event.preventDefault();
}
