/** The options of a chat with their defaults filled in, and the storage and the tabs that the platform offers. */
import { defaultTiming, systemClock } from "./clock.js";
import type { Transport } from "./connection/transports.js";
import type { ChatError } from "./errors.js";
import { deviceId, newId } from "./id.js";
import type { ChatOptions, Clock, Timing } from "./options.js";
import { toStorage, toTokenStorage } from "./storage/adapters.js";
import { GuardedStorage } from "./storage/guarded.js";
import type { ChatStorage } from "./storage/storage.js";
import type { TabMessage } from "./tab-sync.js";
import { Tabs, tabPlatform } from "./tabs.js";
import { UserSpace } from "./user-space.js";

export interface Environment {
  readonly url: string;
  /** Those that the app has chosen. */
  readonly transports: readonly Transport[] | undefined;
  readonly socketAttempts: number;
  readonly clock: Clock;
  readonly timing: Timing;
  readonly random: () => number;
  readonly newId: () => string;
  readonly fetch: typeof fetch;
  readonly storage: GuardedStorage;
  /** A storage for the tokens alone, where the app gives one. */
  readonly tokenStorage: GuardedStorage | undefined;
  readonly sessionKey: string;
  readonly userSpace: UserSpace;
  readonly tabs: Tabs<TabMessage>;
  /** Whether tabs of this browser share one connection. */
  readonly isShared: boolean;
  readonly device: () => Promise<Device>;
}

/** This device, as a login describes it to the server. */
export interface Device {
  readonly deviceName?: string;
  readonly deviceId?: string;
  readonly client?: string;
}

export function environmentOf(options: ChatOptions, report: (error: ChatError) => void): Environment {
  const url = options.url.replace(/\/+$/, "");
  const namespace = options.namespace ?? `chatapp:${url}`;
  const sessionKey = `${namespace}/session`;
  const clock = options.clock ?? systemClock;
  const timing = { ...defaultTiming, ...options.timing };
  const random = options.random ?? Math.random;
  const makeId = () => newId(random);
  const userSpace = new UserSpace(namespace);
  const guarded = (storage: ChatStorage, isDroppable: (key: string) => boolean) =>
    new GuardedStorage({
      storage,
      clock,
      limit: timing.storageTimeout,
      probe: sessionKey,
      isDroppable,
      onFailure: report,
    });
  const storage = guarded(toStorage(options.storage), (key) => key.startsWith(userSpace.root));
  const tokenStorage = options.tokenStorage && guarded(toTokenStorage(options.tokenStorage), () => false);
  const platform = options.tabs === false || !storage.shared ? undefined : (options.tabs ?? tabPlatform());
  return {
    url,
    transports: options.transports,
    socketAttempts: options.socketAttempts ?? 3,
    clock,
    timing,
    random,
    newId: makeId,
    fetch: options.fetch ?? ((...call: Parameters<typeof fetch>) => fetch(...call)),
    storage,
    tokenStorage,
    sessionKey,
    userSpace,
    tabs: new Tabs<TabMessage>(namespace, platform, clock, timing),
    isShared: platform !== undefined,
    device: async () => ({
      ...(options.deviceName !== undefined && { deviceName: options.deviceName }),
      ...(options.client !== undefined && { client: options.client }),
      ...(await deviceId(storage, `${namespace}/device`, makeId)),
    }),
  };
}
