/** What lies over the page: going back closes the topmost, and leaves the page as it is. */
import { useEffect, useRef } from "react";

interface Overlay {
  readonly close: () => void;
  readonly path: string;
  readonly state: unknown;
}

const overlays: Overlay[] = [];

function wentBack(event: PopStateEvent): void {
  const top = overlays.at(-1);
  if (!top) return;
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
    const { pathname, search } = window.location;
    const overlay = { close: () => latest.current(), path: pathname + search, state: window.history.state };
    overlays.push(overlay);
    return () => void overlays.splice(overlays.indexOf(overlay), 1);
  }, [isOpen]);
}
