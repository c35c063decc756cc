/** Members whose names begin with what is written behind an @, above the text field. */
import { MegaphoneIcon } from "@heroicons/react/24/outline";
import { Avatar } from "../ui/avatar";
import { Name } from "../ui/name";
import css from "./mention-picker.module.css";
import type { Mentionable } from "./mentions";

interface MentionPickerProps {
  id: string;
  people: readonly Mentionable[];
  active: number;
  onChosen: (person: Mentionable) => void;
}

export function MentionPicker({ id, people, active, onChosen }: MentionPickerProps) {
  return (
    <div id={id} className={css.picker} role="listbox" aria-label="Mention">
      {people.map((person, index) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the text field
        // biome-ignore lint/a11y/useFocusableInteractive: the text field keeps the focus
        <div
          key={person.userId}
          id={`${id}-${index}`}
          className={css.person}
          role="option"
          aria-selected={index === active}
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => onChosen(person)}
        >
          {person.userId === "everyone" ? (
            <MegaphoneIcon width={28} aria-hidden="true" />
          ) : (
            <Avatar id={person.userId} name={person.name} src={person.avatar} size={28} />
          )}
          <Name of={person.name} />
        </div>
      ))}
    </div>
  );
}
