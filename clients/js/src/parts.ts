/** Constructs every part of a chat, each from those above it. */
import { AccountService } from "./accounts.js";
import { Actions } from "./actions.js";
import { Acts } from "./acts.js";
import { ByConversation } from "./by-conversation.js";
import { connectionControl } from "./connection/connection-control.js";
import { Link } from "./connection/link.js";
import { ContactStore } from "./contacts.js";
import { ConversationList } from "./conversations.js";
import type { Base, Core, Linked, TypingRow } from "./core.js";
import { Delivery } from "./delivery.js";
import { ConversationDraft } from "./drafts.js";
import { subscribeEffects } from "./effects.js";
import { type Environment, environmentOf } from "./environment.js";
import { type ChatError, sessionStorageFailed } from "./errors.js";
import { Foreground } from "./foreground.js";
import { Http } from "./http.js";
import { Lifecycle, SIGNED_OUT } from "./lifecycle.js";
import { storedLimits } from "./limits.js";
import { Cell, Emitter, Source } from "./observable.js";
import type { ChatOptions } from "./options.js";
import { Outbox } from "./outbox.js";
import { PresenceStore, TypingIndicator, TypingStore } from "./people.js";
import { pushHandlers } from "./pushed-events.js";
import { Receipts } from "./receipts.js";
import { isWrittenByAnyTab } from "./records.js";
import { searchMessages } from "./search.js";
import { Session } from "./session/session.js";
import { SharedDrafts } from "./shared-drafts.js";
import { StarList } from "./stars.js";
import { Store } from "./store/store.js";
import { TabSync } from "./tab-sync.js";
import { ConversationMessages } from "./timeline.js";
import type { Account } from "./types/accounts.js";
import type { ChatEvents } from "./types/chat.js";
import type { ConnectionState } from "./types/connection.js";
import type { Presence } from "./types/people.js";
import type { SearchQuery } from "./types/search.js";

export type Parts = ReturnType<typeof createParts>;

export function createParts(options: ChatOptions) {
  const events = new Emitter<ChatEvents>();
  const report = (error: ChatError) => events.emit("error", error);
  const environment = environmentOf(options, report);
  const base = createBase(environment, events, report);

  const delivery = new Delivery(base);
  const contacts = new ContactStore(base);
  const presence = new PresenceStore(base);
  const typing = new TypingStore(base);
  const handlers = pushHandlers({ base, delivery, contacts, presence, typing });
  const link = new Link(environment, base, delivery, handlers);

  const linked: Linked = { ...base, delivery, link };
  const outbox = new Outbox(linked);
  const receipts = new Receipts(linked);
  const acts = new Acts(linked, outbox, receipts);
  const foreground = new Foreground(linked);
  subscribeEffects({ linked, outbox, acts, receipts, presence, typing });

  const actions = new Actions({ linked, presence, receipts });
  const tabSync = new TabSync({
    linked,
    outbox,
    acts,
    actions,
    tabs: environment.tabs,
    userSpace: environment.userSpace,
  });

  const core: Core = { ...linked, outbox, acts, act: (action) => tabSync.act(action) };
  const conversations = new ConversationList(core);
  const stars = new StarList(core);
  const sharedDrafts = new SharedDrafts(core);
  const drafts = new ByConversation((id) => new ConversationDraft(core, id));
  const indicators = new ByConversation((id) => new TypingIndicator(core, id));
  const messages = new ByConversation((id) => {
    const onSend = () => {
      foreground.keepAwake();
      indicators.of(id).sent();
    };
    return new ConversationMessages(core, id, onSend, (content) => sharedDrafts.takeId(id, content));
  });

  const lifecycle = new Lifecycle({ environment, core, receipts, typing, foreground, tabSync, drafts });
  const accounts = new AccountService({ core, lifecycle, device: environment.device });
  const connection = connectionControl({ environment, core, foreground, lifecycle });
  const limits = storedLimits(core.store);
  return {
    accounts,
    connection,
    contacts,
    conversations,
    drafts,
    events,
    indicators,
    lifecycle,
    limits,
    messages,
    presence,
    search: (query: SearchQuery) => searchMessages(core, query),
    stars,
  };
}

function createBase(environment: Environment, events: Emitter<ChatEvents>, report: (error: ChatError) => void): Base {
  const { clock, timing, random, newId, storage, tokenStorage, tabs } = environment;
  const session = new Session({
    key: environment.sessionKey,
    storage: tokenStorage ?? storage,
    ...(tokenStorage && { formerStorage: storage }),
    http: new Http(environment),
    tabs,
    clock,
    timing,
    newId,
    onStorageFailure: (thrown) => report(sessionStorageFailed(thrown)),
  });
  const account = new Source<Account>(() => session.account);
  session.events.on("changed", () => account.changed());
  const store = new Store({
    storage,
    isWriter: (recordKey) => tabs.isLeader || isWrittenByAnyTab(recordKey),
    onWritten: (batch, prefix) => tabs.post({ kind: "written", prefix, batch }),
    onFailure: report,
  });
  return {
    clock,
    timing,
    random,
    newId,
    http: new Http(environment, session),
    session,
    store,
    events,
    account,
    connection: new Cell<ConnectionState>(SIGNED_OUT),
    presence: new Cell<ReadonlyMap<string, Presence>>(new Map()),
    typing: new Cell<readonly TypingRow[]>([]),
    me: () => session.account.user?.id ?? "",
    isLeader: () => tabs.isLeader,
    report,
  };
}
