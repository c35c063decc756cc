import { useSyncExternalStore } from "react";

/** Return whether the media query holds, now and when it changes. */
export function useMedia(query: string): boolean {
  const media = matchMedia(query);
  const subscribe = (listener: () => void) => {
    media.addEventListener("change", listener);
    return () => media.removeEventListener("change", listener);
  };
  return useSyncExternalStore(subscribe, () => media.matches);
}

/** One pane at a time: the same width as in shell/messenger.module.css. */
const NARROW = "(max-width: 760px)";

export function useIsNarrow(): boolean {
  return useMedia(NARROW);
}

export function isNarrow(): boolean {
  return matchMedia(NARROW).matches;
}
