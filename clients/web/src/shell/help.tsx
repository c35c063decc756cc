import { Dialog } from "../ui/dialog";
import css from "./help.module.css";
import { isHelpOpen, SHORTCUTS } from "./shortcuts";

/** All keys, in a dialog. */
export default function Help() {
  return (
    <Dialog title="Keyboard shortcuts" onClose={() => isHelpOpen.set(false)}>
      <dl className={css.keys}>
        {SHORTCUTS.map(([keys, meaning]) => (
          <div key={meaning} className={css.row}>
            <dt>{meaning}</dt>
            <dd>
              <kbd>{keys}</kbd>
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
