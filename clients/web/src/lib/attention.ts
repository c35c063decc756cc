/** Whether somebody looks: at something on the page, or at the app in any of the browser's tabs. */
const PATIENCE = 150;
const channel = "BroadcastChannel" in window ? new BroadcastChannel("chatapp:attention") : null;

function isHere(): boolean {
  return document.visibilityState === "visible" && document.hasFocus();
}

/** Whether somebody can be looking at this element: it is drawn, the page has the focus, and no dialog lies over it. */
export function isLookedAt(element: HTMLElement | null): boolean {
  return (
    element !== null &&
    isHere() &&
    getComputedStyle(element).visibility === "visible" &&
    !document.querySelector("[aria-modal=true]")
  );
}

channel?.addEventListener("message", ({ data }) => {
  if (data === "who looks?" && isHere()) channel.postMessage("I do");
});

/** Asks the other tabs, and waits a little for an answer. */
export async function isLookedAtAnywhere(): Promise<boolean> {
  if (isHere()) return true;
  if (!channel) return false;
  return new Promise((resolve) => {
    const heard = ({ data }: MessageEvent) => data === "I do" && end(true);
    const timer = setTimeout(() => end(false), PATIENCE);
    const end = (isLooked: boolean) => {
      clearTimeout(timer);
      channel.removeEventListener("message", heard);
      resolve(isLooked);
    };
    channel.addEventListener("message", heard);
    channel.postMessage("who looks?");
  });
}
