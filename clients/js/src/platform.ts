/** Follows the network state and the visibility of a browser page. On other platforms, the app reports both. */
import type { Connection } from "./types/connection.js";
import type { Unsubscribe } from "./types/observable.js";

export function listenToPlatform(connection: Connection, onHidden: () => void): Unsubscribe {
  if (typeof window === "undefined" || typeof document === "undefined" || !window.addEventListener) return () => {};
  const online = () => connection.setOnline(true);
  const offline = () => connection.setOnline(false);
  const looked = () => {
    if (document.visibilityState === "visible") connection.setForeground(true);
    else onHidden();
  };
  window.addEventListener("online", online);
  window.addEventListener("offline", offline);
  window.addEventListener("pageshow", looked);
  document.addEventListener("visibilitychange", looked);
  return () => {
    window.removeEventListener("online", online);
    window.removeEventListener("offline", offline);
    window.removeEventListener("pageshow", looked);
    document.removeEventListener("visibilitychange", looked);
  };
}

/** The browser may end a hidden page without another event. */
export function isHidden(): boolean {
  return typeof document !== "undefined" && document.visibilityState === "hidden";
}
