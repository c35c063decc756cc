/** The app for somebody who is signed in: the list and its panels at the left, the conversation at the right. */
import { useChat } from "@chatapp/client/react";
import { lazy, type ReactNode, Suspense, useEffect, useState } from "react";
import { useLocation } from "wouter";
import { ChatsPanel } from "../chats/chats-panel";
import { ConversationPane } from "../conversation/conversation-pane";
import { loadAhead } from "../lib/ahead";
import { useIsNarrow } from "../lib/media";
import { type Place, placeOf } from "../lib/routes";
import { Spinner } from "../ui/spinner";
import { ErrorBoundary } from "./error-boundary";
import css from "./messenger.module.css";
import { Nothing } from "./nothing";
import { useShortcuts } from "./shortcuts";
import { useBadge, useNotifications, useReports } from "./signals";

const ContactsPanel = lazy(() => import("../people/contacts-panel"));
const NewGroupPanel = lazy(() => import("../group/new-group-panel"));
const SettingsPanel = lazy(() => import("../settings/settings-panel"));

/** The open conversation stays open beside panels that have nothing to do with it. */
function useOpenConversation(place: Place): string | undefined {
  const isNarrow = useIsNarrow();
  const [kept, setKept] = useState<string>();
  const named = place.panel === "chats" ? place.conversationId : kept;
  if (named !== kept) setKept(named);
  return isNarrow && place.panel !== "chats" ? undefined : named;
}

export function Messenger() {
  const [path] = useLocation();
  const place = placeOf(path);
  const open = useOpenConversation(place);
  const isInfo = place.panel === "chats" && place.isInfo === true;
  const chat = useChat();
  useShortcuts(chat, open);
  useBadge(open);
  useNotifications(chat);
  useReports(chat);
  useEffect(loadAhead, []);
  return (
    <div className={css.shell} data-open={place.panel === "chats" && open !== undefined}>
      <aside className={css.side} aria-label="Chats and settings">
        <div className={css.under} inert={place.panel !== "chats"}>
          <ErrorBoundary>
            <ChatsPanel open={open} />
          </ErrorBoundary>
        </div>
        {place.panel !== "chats" && (
          <div className={css.over} key={place.panel}>
            <Guarded place={path}>
              <Panel place={place} />
            </Guarded>
          </div>
        )}
      </aside>
      <main className={css.main}>
        <Guarded place={open ?? ""}>
          {open === undefined ? <Nothing /> : <ConversationPane key={open} id={open} isInfo={isInfo} />}
        </Guarded>
      </main>
    </div>
  );
}

function Panel({ place }: { place: Place }) {
  if (place.panel === "contacts") return <ContactsPanel />;
  if (place.panel === "new-group") return <NewGroupPanel />;
  return place.panel === "settings" ? <SettingsPanel section={place.section} /> : null;
}

function Guarded({ place, children }: { place: string; children: ReactNode }) {
  return (
    <ErrorBoundary place={place}>
      <Suspense fallback={<Waiting />}>{children}</Suspense>
    </ErrorBoundary>
  );
}

function Waiting() {
  return (
    <div className={css.waiting}>
      <Spinner size={28} />
    </div>
  );
}
