/// <reference lib="webworker" />
/** The service worker: the app's own files come from its cache, everything else from the network. */
import {
  cleanupOutdatedCaches,
  createHandlerBoundToURL,
  type PrecacheEntry,
  precacheAndRoute,
} from "workbox-precaching";
import { NavigationRoute, registerRoute } from "workbox-routing";

declare const self: ServiceWorkerGlobalScope;
/** The files that the build has made: scripts/build.mjs puts them in. */
declare const __FILES__: PrecacheEntry[];

cleanupOutdatedCaches();
precacheAndRoute(__FILES__);
registerRoute(new NavigationRoute(createHandlerBoundToURL("/app"), { allowlist: [/^\/$/, /^\/app(\/|$)/] }));

self.addEventListener("message", (event) => {
  if (event.data === "take-over") void self.skipWaiting();
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(show(String(event.notification.data)));
});

/** Brings the app to the front, at that address. */
async function show(path: string): Promise<void> {
  const [window] = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  if (!window) return void (await self.clients.openWindow(path));
  await window.focus();
  window.postMessage({ show: path });
}
