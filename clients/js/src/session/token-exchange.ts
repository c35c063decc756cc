/** The exchange of the refresh token for new tokens. */
import type { Http } from "../http.js";
import type { Clock, Timing } from "../options.js";
import type { Tokens } from "./stored-session.js";

const ATTEMPTS = 4;
/** The share of `refreshTimeout` after which the refresh gives up: well before another tab may start its own. */
const SHARE = 2 / 3;

export interface TokenExchangeOptions {
  /** Without a session: the exchange is anonymous. */
  readonly http: Http;
  readonly clock: Clock;
  readonly timing: Timing;
}

/** Throws ChatError. May be repeated after a lost answer: of the pairs issued, the one that is used counts. */
export async function exchangeTokens(options: TokenExchangeOptions, refreshToken: string): Promise<Tokens> {
  const { http, clock, timing } = options;
  const controller = new AbortController();
  const timer = clock.setTimeout(() => controller.abort(), timing.refreshTimeout * SHARE);
  try {
    const call = { anonymous: true, attempts: ATTEMPTS, signal: controller.signal };
    return await http.post("/api/auth/refresh", { refreshToken }, call);
  } finally {
    clock.clearTimeout(timer);
  }
}
