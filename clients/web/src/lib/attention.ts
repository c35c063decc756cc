/** The user's attention: to something on the page, or to the app in any of the browser's tabs. */
const LOCK = "chatapp:attention";

function isHere(): boolean {
  return document.visibilityState === "visible" && document.hasFocus();
}

/** Return whether somebody can be looking at this element: it is drawn, the page has the focus, no dialog lies over it. */
export function isLookedAt(element: HTMLElement | null): boolean {
  return (
    element !== null &&
    isHere() &&
    getComputedStyle(element).visibility === "visible" &&
    !document.querySelector("[aria-modal=true]")
  );
}

let letGo: (() => void) | undefined;

/** Hold the lock, which all tabs may hold at once, for as long as somebody is here: the browser ends it with the page. */
function hold(): void {
  if (isHere() === (letGo !== undefined)) return;
  letGo?.();
  letGo = undefined;
  if (!isHere()) return;
  const end = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  navigator.locks?.request(LOCK, { mode: "shared" }, () => end).catch(() => {});
}

for (const event of ["focus", "blur", "pageshow", "pagehide"]) window.addEventListener(event, hold);
document.addEventListener("visibilitychange", hold);
hold();

/** Return whether somebody is here, or at another tab, by what the browser knows: a busy tab would take long to answer. */
export async function isLookedAtAnywhere(): Promise<boolean> {
  if (isHere()) return true;
  const { held = [] } = (await navigator.locks?.query()) ?? {};
  return held.some(({ name }) => name === LOCK);
}
