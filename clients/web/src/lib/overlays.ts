/** The overlays of the page: going back closes the topmost, and leaves the page as it is. */
import { useEffect, useRef } from "react";

interface Overlay {
  readonly close: () => void;
  readonly path: string;
  readonly state: unknown;
}

const overlays: Overlay[] = [];

/**
 * Below the page that the app was opened at, nothing of the app is left, and going back from there is not heard of. So an
 * overlay that opens on it puts the same page once more on top; the one below is passed by when nothing is open.
 */
function putOnTop(): void {
  const { state } = window.history;
  if (state?.isOurs || state?.isOnTop) return;
  window.history.replaceState({ ...state, isBelow: true }, "");
  window.history.pushState({ ...state, isOnTop: true }, "");
}

function wentBack(event: PopStateEvent): void {
  const top = overlays.at(-1);
  if (!top) {
    if (event.state?.isBelow) window.history.back();
    return;
  }
  event.stopImmediatePropagation(); // the router would leave the page
  window.history.pushState(top.state, "", top.path);
  top.close();
}

window.addEventListener("popstate", wentBack, { capture: true });

/** While it is open, going back closes it. */
export function useOverlay(close: () => void, isOpen = true): void {
  const latest = useRef(close);
  latest.current = close;
  useEffect(() => {
    if (!isOpen) return;
    putOnTop();
    const { pathname, search } = window.location;
    const overlay = { close: () => latest.current(), path: pathname + search, state: window.history.state };
    overlays.push(overlay);
    return () => void overlays.splice(overlays.indexOf(overlay), 1);
  }, [isOpen]);
}
