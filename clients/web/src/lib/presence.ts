import { useConnection, usePresence } from "@chatapp/client/react";

/** Return a user's presence while the server can tell: what it told before the connection broke may be wrong by now. */
export function useKnownPresence(userId: string): ReturnType<typeof usePresence> {
  const { status } = useConnection();
  const known = usePresence(userId);
  return status === "live" ? known : { ...known, online: false };
}
