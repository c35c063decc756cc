import { ComputerDesktopIcon, MoonIcon, SunIcon } from "@heroicons/react/24/outline";
import { setPreferences, type Theme, usePreferences } from "../lib/preferences";
import type { Icon } from "../ui/button";
import { notify } from "../ui/notices";
import { SwitchRow } from "../ui/switch-row";
import css from "./settings.module.css";

const THEMES: readonly { theme: Theme; label: string; icon: Icon }[] = [
  { theme: "system", label: "Like the device", icon: ComputerDesktopIcon },
  { theme: "light", label: "Light", icon: SunIcon },
  { theme: "dark", label: "Dark", icon: MoonIcon },
];

export function Appearance() {
  const { theme: chosen, notifications } = usePreferences();
  return (
    <>
      <fieldset className={css.choices}>
        <legend>Theme</legend>
        {THEMES.map(({ theme, label, icon: Picture }) => (
          <label key={theme} className={css.choice}>
            <input type="radio" name="theme" checked={chosen === theme} onChange={() => setPreferences({ theme })} />
            <Picture width={24} aria-hidden="true" />
            {label}
          </label>
        ))}
      </fieldset>
      <SwitchRow
        label="Notifications"
        hint={
          "Notification" in window
            ? "When a message comes while you do not look at the app."
            : "This browser has none for this address."
        }
        isOn={notifications}
        disabled={!("Notification" in window)}
        onChange={switchNotifications}
      />
    </>
  );
}

async function switchNotifications(isOn: boolean): Promise<void> {
  if (isOn && (await Notification.requestPermission()) !== "granted") {
    notify("Your browser does not allow it: change that in its settings for this page.");
    return;
  }
  setPreferences({ notifications: isOn });
}
