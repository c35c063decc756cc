/** The service worker keeps the app itself, so that it opens offline. A new version waits until the user agrees. */
import { notify } from "../ui/notices";

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
  notify("A new version of the app is there.", { label: "Use it", run: () => worker.postMessage("take-over") });
}
