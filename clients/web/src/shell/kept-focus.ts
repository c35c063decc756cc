/** The focus is never lost: when what has it goes away, it goes back to what had it before. */
import { useEffect } from "react";
import { isTouch } from "../lib/device";

const LONGEST = 30;

function isReachable(element: HTMLElement): boolean {
  const isShown = element.getClientRects().length > 0 && getComputedStyle(element).visibility === "visible";
  return element.isConnected && isShown && !element.closest("[inert], [aria-hidden=true]");
}

/** A field would open the keyboard of a phone. */
function maySuddenlyHaveIt(element: HTMLElement): boolean {
  return isReachable(element) && !(isTouch() && element.matches("input, textarea"));
}

/** The element, or the one that was drawn in its place since. */
function present(element: HTMLElement): HTMLElement {
  const label = element.getAttribute("aria-label");
  if (element.isConnected || !label) return element;
  return document.querySelector<HTMLElement>(`${element.localName}[aria-label="${CSS.escape(label)}"]`) ?? element;
}

/** Return the element to work in, when nothing that had the focus is left. */
function placeOfWork(): HTMLElement | undefined {
  const places = ["[data-composer]", "[data-timeline]", "main button", "aside [aria-current=page]", "aside button"];
  const found = places.flatMap((place) => [...document.querySelectorAll<HTMLElement>(place)]);
  return found.find(maySuddenlyHaveIt);
}

export function useKeptFocus(): void {
  useEffect(() => {
    let trail: HTMLElement[] = [];
    let isRestoring = false; // what the user did not choose is no place to go back to
    const focused = ({ target }: FocusEvent) => {
      if (target instanceof HTMLElement && !isRestoring)
        trail = [...trail.filter((other) => other !== target), target].slice(-LONGEST);
    };
    const restore = () => {
      const last = trail.at(-1);
      const isNowhere = document.activeElement === null || document.activeElement === document.body;
      if (!last || !isNowhere || isReachable(last) || document.querySelector("[aria-modal=true], [role=menu]")) return;
      isRestoring = true;
      (trail.map(present).findLast(maySuddenlyHaveIt) ?? placeOfWork())?.focus();
      isRestoring = false;
    };
    const observer = new MutationObserver(() => requestAnimationFrame(restore)); // dialogs give it back themselves first
    observer.observe(document.body, { childList: true, subtree: true, attributeFilter: ["inert"] });
    document.addEventListener("focusin", focused);
    return () => {
      observer.disconnect();
      document.removeEventListener("focusin", focused);
    };
  }, []);
}
