/** Loads the parts that are split off while nothing else is to do: they are there when the network is not. */
const PARTS = [
  () => import("../ui/radix-menu"),
  () => import("../ui/kind-icon"),
  () => import("../ui/confirmation"),
  () => import("../ui/toasts"),
  () => import("../people/contacts-panel"),
  () => import("../chats/search-results"),
  () => import("../conversation/message-menu"),
  () => import("../conversation/message-info"),
  () => import("../group/info-panel"),
  () => import("../group/new-group-panel"),
  () => import("../settings/settings-panel"),
  () => import("../conversation/emoji-picker"),
  () => import("../shell/help"),
  () => import("linkifyjs"),
];

const LATER = 3000;

export function loadAhead(): () => void {
  import("../conversation/conversation-pane").catch(() => {}); // the very next thing that anybody opens
  const timer = setTimeout(async () => {
    for (const part of PARTS) await part().catch(() => {}); // it is asked for again when it is needed
  }, LATER);
  return () => clearTimeout(timer);
}
