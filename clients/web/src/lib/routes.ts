/** The addresses of the app, all under /app, which the server answers with the app. */
export const routes = {
  home: "/",
  login: "/app/login",
  register: "/app/register",
  conversation: (id: string) => `/app/chats/${id}`,
  info: (id: string) => `/app/chats/${id}/info`,
  contacts: "/app/contacts",
  newGroup: "/app/new-group",
  settings: "/app/settings",
  section: (name: SettingsSection) => `/app/settings/${name}`,
} as const;

export type SettingsSection = "profile" | "password" | "privacy" | "devices" | "appearance";

export type Place =
  | { readonly panel: "chats"; readonly conversationId?: string; readonly isInfo?: boolean }
  | { readonly panel: "contacts" | "new-group" }
  | { readonly panel: "settings"; readonly section?: SettingsSection };

const SECTIONS: readonly string[] = ["profile", "password", "privacy", "devices", "appearance"];

/** As it is, where it is not encoded as it should be: there is no such conversation then. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Return the place that an address shows to somebody who is signed in. Unknown ones show the list. */
export function placeOf(path: string): Place {
  const [, app, panel, name, more] = path.split("/");
  if (app !== "app") return { panel: "chats" };
  if (panel === "chats" && name) return { panel, conversationId: decoded(name), isInfo: more === "info" };
  if (panel === "contacts" || panel === "new-group") return { panel };
  if (panel !== "settings") return { panel: "chats" };
  return name && SECTIONS.includes(name) ? { panel, section: name as SettingsSection } : { panel };
}
