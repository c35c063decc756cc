import * as Switch from "@radix-ui/react-switch";
import { useId, useState } from "react";
import { notify } from "./notices";
import css from "./switch-row.module.css";

interface SwitchRowProps {
  label: string;
  hint?: string;
  isOn: boolean;
  /** Called with the new state. It may take a while; until then the switch shows the state that it is going to. */
  onChange: (isOn: boolean) => Promise<void> | void;
  disabled?: boolean;
}

export function SwitchRow({ label, hint, isOn, onChange, disabled }: SwitchRowProps) {
  const id = useId();
  const [wanted, setWanted] = useState<boolean | null>(null);
  const change = async (next: boolean) => {
    setWanted(next);
    try {
      await onChange(next);
    } catch (thrown) {
      notify.failed(thrown);
    } finally {
      setWanted(null);
    }
  };
  return (
    <div className={css.row}>
      <span className={css.words}>
        <label htmlFor={id} className={css.label}>
          {label}
        </label>
        {hint && (
          <span className={css.hint} id={`${id}-hint`}>
            {hint}
          </span>
        )}
      </span>
      <Switch.Root
        id={id}
        className={css.switch}
        checked={wanted ?? isOn}
        disabled={disabled || wanted !== null}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onCheckedChange={change}
      >
        <Switch.Thumb className={css.thumb} />
      </Switch.Root>
    </div>
  );
}
