/** The app for somebody who is signed in: the list and its panels at the left, the conversation at the right. */
import { useChat } from "@chatapp/client/react";
import { lazy, type ReactNode, Suspense, useEffect, useState } from "react";
import { useLocation } from "wouter";
import { ChatsPanel } from "../chats/chats-panel";
import { loadAhead } from "../lib/ahead";
import { useIsNarrow } from "../lib/media";
import { type Place, placeOf } from "../lib/routes";
import { Spinner } from "../ui/spinner";
import { ErrorBoundary } from "./error-boundary";
import { useKeptFocus } from "./kept-focus";
import css from "./messenger.module.css";
import { Nothing } from "./nothing";
import { useNotifications } from "./notifications";
import { useShortcuts } from "./shortcuts";
import { useBadge, useReports, useVersionCheck } from "./signals";
import { useAnnouncements } from "./use-announcements";

const ConversationPane = lazy(() =>
  import("../conversation/conversation-pane").then((part) => ({ default: part.ConversationPane })),
);
const ContactsPanel = lazy(() => import("../people/contacts-panel"));
const NewGroupPanel = lazy(() => import("../group/new-group-panel"));
const SettingsPanel = lazy(() => import("../settings/settings-panel"));
const SettingsPage = lazy(() => import("../settings/settings-panel").then((part) => ({ default: part.SettingsPage })));

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
  const isNarrow = useIsNarrow();
  const open = useOpenConversation(place);
  const isInfo = place.panel === "chats" && place.isInfo === true;
  const chat = useChat();
  useShortcuts(chat, open);
  useKeptFocus();
  useBadge(open);
  useNotifications(chat);
  useAnnouncements(chat, open);
  useReports(chat);
  useVersionCheck();
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
              <Panel place={place} isNarrow={isNarrow} />
            </Guarded>
          </div>
        )}
      </aside>
      <main className={css.main}>
        {place.panel === "settings" && !isNarrow ? (
          <Guarded place={path}>
            <SettingsPage section={place.section ?? "profile"} />
          </Guarded>
        ) : (
          <Guarded place={open ?? ""}>
            {open === undefined ? <Nothing /> : <ConversationPane key={open} id={open} isInfo={isInfo} />}
          </Guarded>
        )}
      </main>
    </div>
  );
}

function Panel({ place, isNarrow }: { place: Place; isNarrow: boolean }) {
  if (place.panel === "contacts") return <ContactsPanel />;
  if (place.panel === "new-group") return <NewGroupPanel />;
  if (place.panel !== "settings") return null;
  return isNarrow ? <SettingsPanel section={place.section} /> : <SettingsPanel current={place.section ?? "profile"} />;
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
