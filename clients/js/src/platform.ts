/** What a browser says by itself of its network and of being looked at. Other platforms are told by the app. */
import type { Connection, Unsubscribe } from "./types.js";

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

/** A page that nobody sees may be ended without another word. */
export function isHidden(): boolean {
  return typeof document !== "undefined" && document.visibilityState === "hidden";
}
