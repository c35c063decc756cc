import { MagnifyingGlassIcon, XMarkIcon } from "@heroicons/react/24/outline";
import type { KeyboardEvent, Ref } from "react";
import { IconButton } from "./button";
import css from "./search-field.module.css";

interface SearchFieldProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  onKeyDown?: (event: KeyboardEvent<HTMLInputElement>) => void;
  ref?: Ref<HTMLInputElement>;
  autoFocus?: boolean;
}

export function SearchField({ label, value, onChange, onKeyDown, ref, autoFocus }: SearchFieldProps) {
  return (
    <search className={css.box}>
      <MagnifyingGlassIcon width={18} aria-hidden="true" />
      <input
        ref={ref}
        className={css.input}
        type="search"
        aria-label={label}
        placeholder={label}
        value={value}
        maxLength={100}
        autoComplete="off"
        spellCheck={false}
        // biome-ignore lint/a11y/noAutofocus: the panel was opened to search in it
        autoFocus={autoFocus}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={onKeyDown}
      />
      {value && (
        <IconButton className={css.clear} label="Clear the search" icon={XMarkIcon} onClick={() => onChange("")} />
      )}
    </search>
  );
}
