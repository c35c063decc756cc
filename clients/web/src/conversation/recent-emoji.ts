/** The emoji that were chosen last in this browser, and their skin tone. */
import { createStore } from "../lib/store";

interface Habits {
  readonly recent: readonly string[];
  readonly skinTone: string;
}

const KEY = "chatapp:emoji";
const MOST = 16;
const NONE: Habits = { recent: [], skinTone: "none" };

function stored(): Habits {
  try {
    const { recent, skinTone } = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return {
      recent: Array.isArray(recent) ? recent.map(String).slice(0, MOST) : [],
      skinTone: String(skinTone ?? "none"),
    };
  } catch {
    return NONE; // storage is closed to this page, or holds something else
  }
}

export const emojiHabits = createStore(stored());

function keep(changes: Partial<Habits>): void {
  emojiHabits.set({ ...emojiHabits.getSnapshot(), ...changes });
  try {
    localStorage.setItem(KEY, JSON.stringify(emojiHabits.getSnapshot()));
  } catch {
    // It holds until the page is closed, then.
  }
}

export function wasChosen(emoji: string): void {
  const others = emojiHabits.getSnapshot().recent.filter((other) => other !== emoji);
  keep({ recent: [emoji, ...others].slice(0, MOST) });
}

export function keepSkinTone(skinTone: string): void {
  keep({ skinTone });
}
