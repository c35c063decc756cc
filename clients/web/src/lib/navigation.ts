/** Going somewhere, and back. */
import { navigate } from "wouter/use-browser-location";

export function go(path: string): void {
  if (path !== window.location.pathname) navigate(path, { state: { isOurs: true } });
}

/** To where the user came from within the app, else to `path`. */
export function goBack(path: string): void {
  if (window.history.state?.isOurs) window.history.back();
  else navigate(path, { replace: true });
}

/** To another address in place of this one: nobody wants back to where they are. */
export function replaceWith(path: string): void {
  navigate(path, { replace: true, state: window.history.state });
}
