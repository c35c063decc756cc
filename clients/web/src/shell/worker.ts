/** The service worker keeps the app itself, so that it opens offline. A new version waits until the user agrees. */
import { createStore } from "../lib/store";

/** Takes the new version that waits; null while there is none, or the user has put it off. */
export const newVersion = createStore<(() => void) | null>(null);

const HOUR = 60 * 60 * 1000;

export function installWorker(): void {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  const { serviceWorker } = navigator;
  const hadOne = serviceWorker.controller !== null;
  let isReloading = false;
  serviceWorker.addEventListener("controllerchange", () => {
    if (!hadOne || isReloading) return;
    isReloading = true;
    window.location.reload();
  });
  serviceWorker
    .register(trusted("/sw.js"), { updateViaCache: "none" })
    .then((registration) => {
      if (registration.waiting) offer(registration.waiting);
      registration.addEventListener("updatefound", () => watch(registration.installing));
      lookAgain(registration);
    })
    .catch(() => {}); // The app works without; it only needs the server to open.
}

interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL: (url: string) => string },
  ): { createScriptURL(url: string): string };
}

/** The policy of the page lets no text become a script, or the address of one, unless it went through here. */
function trusted(url: string): string {
  const types = (window as { trustedTypes?: TrustedTypes }).trustedTypes;
  return types ? types.createPolicy("chatapp", { createScriptURL: (same) => same }).createScriptURL(url) : url;
}

function watch(worker: ServiceWorker | null): void {
  worker?.addEventListener("statechange", () => {
    if (worker.state === "installed" && navigator.serviceWorker.controller) offer(worker);
  });
}

function offer(worker: ServiceWorker): void {
  newVersion.set(() => worker.postMessage("take-over"));
}

/** A page that stays open hears of a new version when somebody comes back to it, and when the network does. */
function lookAgain(registration: ServiceWorkerRegistration): void {
  const look = () => void registration.update().catch(() => {}); // offline: the next occasion asks again
  window.addEventListener("focus", look);
  window.addEventListener("online", look);
  setInterval(look, HOUR);
}
