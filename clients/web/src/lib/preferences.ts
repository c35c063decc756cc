/** The user's settings for this browser: the theme, and notifications. */
import { useObservable } from "@chatapp/client/react";
import { createStore } from "./store";

export type Theme = "system" | "light" | "dark";

export interface Preferences {
  readonly theme: Theme;
  readonly notifications: boolean;
}

const KEY = "chatapp:preferences";
const FIRST: Preferences = { theme: "system", notifications: false };
const dark = matchMedia("(prefers-color-scheme: dark)");

function stored(): Preferences {
  try {
    return { ...FIRST, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
  } catch {
    return FIRST; // storage is closed to this page, or holds something else
  }
}

export const preferences = createStore(stored());

export function setPreferences(changes: Partial<Preferences>): void {
  preferences.set({ ...preferences.getSnapshot(), ...changes });
  try {
    localStorage.setItem(KEY, JSON.stringify(preferences.getSnapshot()));
  } catch {
    // They hold until the page is closed, then.
  }
}

export function usePreferences(): Preferences {
  return useObservable(preferences);
}

function applyTheme(): void {
  const { theme } = preferences.getSnapshot();
  const isDark = theme === "dark" || (theme === "system" && dark.matches);
  document.documentElement.dataset.theme = isDark ? "dark" : "light";
  for (const meta of document.querySelectorAll<HTMLMetaElement>("meta[name=theme-color]")) {
    meta.content = isDark ? "#151a21" : "#ffffff";
  }
}

/** Shows the chosen theme from now on. */
export function followTheme(): void {
  applyTheme();
  dark.addEventListener("change", applyTheme);
  preferences.subscribe(applyTheme);
}
