/** The filters of the search: one conversation, a sender, a kind of message. */
import type { ContentKind, Conversation } from "@chatapp/client";
import { useAccount } from "@chatapp/client/react";
import { XMarkIcon } from "@heroicons/react/24/outline";
import { isolated, tidy } from "../lib/names";
import { searchedIn } from "../shell/shortcuts";
import css from "./search-filters.module.css";

export interface Filters {
  readonly kind: ContentKind | "";
  /** The id of the sender. */
  readonly from: string;
}

export const NO_FILTERS: Filters = { kind: "", from: "" };

const KINDS: readonly (readonly [ContentKind | "", string])[] = [
  ["", "All kinds"],
  ["text", "Text"],
  ["image", "Pictures"],
  ["video", "Videos"],
  ["voice", "Voice"],
  ["document", "Documents"],
];

interface SearchFiltersProps {
  scope: Conversation | null;
  filters: Filters;
  onChange: (filters: Filters) => void;
}

export function SearchFilters({ scope, filters, onChange }: SearchFiltersProps) {
  const { user } = useAccount();
  const others = scope?.members.filter((member) => member.id !== user?.id) ?? [];
  const stop = () => {
    onChange({ ...filters, from: "" });
    searchedIn.set(null);
  };
  return (
    <div className={css.filters}>
      {scope && (
        <button
          type="button"
          className={css.scope}
          aria-label={`Search in ${isolated(scope.title)} alone: stop`}
          onClick={stop}
        >
          <span className={css.name}>
            In <bdi>{tidy(scope.title)}</bdi>
          </span>
          <XMarkIcon width={16} aria-hidden="true" />
        </button>
      )}
      <span className={css.selects}>
        <select
          className={css.select}
          aria-label="Sender"
          data-set={filters.from !== ""}
          value={filters.from}
          onChange={({ target }) => onChange({ ...filters, from: target.value })}
        >
          <option value="">From anyone</option>
          {user && <option value={user.id}>From you</option>}
          {others.map(({ id, name }) => (
            <option key={id} value={id}>
              From {isolated(name)}
            </option>
          ))}
        </select>
        <select
          className={css.select}
          aria-label="Kind of message"
          data-set={filters.kind !== ""}
          value={filters.kind}
          onChange={({ target }) => onChange({ ...filters, kind: target.value as Filters["kind"] })}
        >
          {KINDS.map(([kind, name]) => (
            <option key={kind} value={kind}>
              {name}
            </option>
          ))}
        </select>
      </span>
    </div>
  );
}
