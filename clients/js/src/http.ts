/** REST calls: typed by the OpenAPI document, with time-out, retry, and the access token. */
import { aborted, pause, retryDelay } from "./clock.js";
import { asChatError, ChatError, fromAnswer } from "./errors.js";
import type { paths } from "./generated/openapi.js";
import type { Clock, Timing } from "./options.js";

type Method = "get" | "post" | "put" | "patch" | "delete";
type PathsWith<M extends Method> = {
  [P in keyof paths]: paths[P] extends { [K in M]: object } ? P : never;
}[keyof paths];
type Json<R> = R extends { content: { "application/json": infer Body } } ? Body : never;
export type Answer<P extends keyof paths, M extends Method> = paths[P][M] extends { responses: infer R }
  ? Json<R[keyof R & (200 | 201)]>
  : never;
type BodyOf<P extends keyof paths, M extends Method> = paths[P][M] extends {
  requestBody: { content: { "application/json": infer Body } };
}
  ? Body
  : undefined;
type QueryOf<P extends keyof paths, M extends Method> = paths[P][M] extends { parameters: { query?: infer Query } }
  ? Query
  : undefined;

export interface Call {
  /** For `{names}` in the path. */
  readonly params?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly timeout?: number;
  /** Without the access token. */
  readonly anonymous?: boolean;
  /** The number of attempts, where repeating is safe and can help: by default 3 for GET, 1 for other methods. */
  readonly attempts?: number;
}

/** Gives calls their access token, and takes the server's verdict on it. */
export interface TokenSource {
  /** A token that is not about to expire. */
  token(): Promise<string>;
  /** A new token in place of this one, which the server calls expired. */
  renew(expired: string): Promise<string>;
  /** The server says that the session of this token has ended. */
  reportLost(error: ChatError, token: string): void;
}

export interface HttpOptions {
  readonly url: string;
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  readonly timing: Timing;
  readonly random: () => number;
}

const SESSION_IS_GONE = new Set(["TOKEN_REVOKED", "TOKEN_INVALID", "TOKEN_MISSING", "ACCOUNT_GONE"]);

export function isSessionGone(error: ChatError): boolean {
  return SESSION_IS_GONE.has(error.code);
}

export class Http {
  /** Without `tokens`, every call is anonymous. */
  constructor(
    private readonly options: HttpOptions,
    private readonly tokens?: TokenSource,
  ) {}

  get<P extends PathsWith<"get">>(path: P, query?: QueryOf<P, "get">, call: Call = {}): Promise<Answer<P, "get">> {
    return this.withRetries("GET", path as string, query, undefined, { attempts: 3, ...call });
  }

  post<P extends PathsWith<"post">>(
    path: P,
    body: BodyOf<P, "post">,
    call: Call & { query?: QueryOf<P, "post"> } = {},
  ): Promise<Answer<P, "post">> {
    return this.withRetries("POST", path as string, call.query, body, call);
  }

  put<P extends PathsWith<"put">>(path: P, body: BodyOf<P, "put">, call: Call = {}): Promise<Answer<P, "put">> {
    return this.withRetries("PUT", path as string, undefined, body, call);
  }

  patch<P extends PathsWith<"patch">>(path: P, body: BodyOf<P, "patch">, call: Call = {}): Promise<Answer<P, "patch">> {
    return this.withRetries("PATCH", path as string, undefined, body, call);
  }

  delete<P extends PathsWith<"delete">>(
    path: P,
    call: Call = {},
    query?: QueryOf<P, "delete">,
  ): Promise<Answer<P, "delete">> {
    return this.withRetries("DELETE", path as string, query, undefined, call);
  }

  /** Resolves if the server answers. Throws NETWORK_ERROR, TIMEOUT or BAD_ANSWER. */
  async health(signal?: AbortSignal): Promise<void> {
    const call = { timeout: this.options.timing.healthTimeout, ...(signal && { signal }) };
    const response = await this.fetchWithTimeout("HEAD", this.address("/api/health", {}, {}), {}, undefined, call);
    if (!response.ok) throw fromAnswer(undefined, response.status);
  }

  private async withRetries<T>(method: string, path: string, query: unknown, body: unknown, call: Call): Promise<T> {
    const { clock, timing, random } = this.options;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.withToken<T>(method, path, query, body, call);
      } catch (thrown) {
        const error = asChatError(thrown);
        if (!error.retryable || attempt >= (call.attempts ?? 1)) throw error;
        const wait = Math.max((error.retryAfter ?? 0) * 1000, retryDelay(attempt, timing, random));
        await pause(clock, wait, call.signal);
      }
    }
  }

  private async withToken<T>(method: string, path: string, query: unknown, body: unknown, call: Call): Promise<T> {
    const tokens = call.anonymous ? undefined : this.tokens;
    const token = await tokens?.token();
    try {
      return await this.request<T>(method, path, query, body, call, token);
    } catch (thrown) {
      const error = asChatError(thrown);
      if (!tokens || token === undefined) throw error;
      if (error.code === "TOKEN_EXPIRED") {
        return await this.request<T>(method, path, query, body, call, await tokens.renew(token));
      }
      if (isSessionGone(error)) tokens.reportLost(error, token);
      throw error;
    }
  }

  private async request<T>(
    method: string,
    path: string,
    query: unknown,
    body: unknown,
    call: Call,
    token: string | undefined,
  ): Promise<T> {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (token !== undefined) headers.Authorization = `Bearer ${token}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const address = this.address(path, call.params ?? {}, (query ?? {}) as Record<string, unknown>);
    const response = await this.fetchWithTimeout(method, address, headers, body, call);
    if (!response.ok) throw fromAnswer(response.body, response.status);
    if ((response.body as { success?: unknown } | null)?.success !== true)
      throw fromAnswer(response.body, response.status);
    return response.body as T;
  }

  private address(path: string, params: Readonly<Record<string, string>>, query: Record<string, unknown>): string {
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ""));
    const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
    const text = pairs.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join("&");
    return `${this.options.url}${filled}${text && `?${text}`}`;
  }

  /** One request and its whole body, within the time-out. */
  private async fetchWithTimeout(
    method: string,
    address: string,
    headers: Record<string, string>,
    body: unknown,
    call: Call,
  ): Promise<{ ok: boolean; status: number; body: unknown }> {
    const { clock, timing, fetch } = this.options;
    if (call.signal?.aborted) throw aborted();
    const milliseconds = call.timeout ?? timing.requestTimeout;
    const controller = new AbortController();
    let isLate = false;
    const timer = clock.setTimeout(() => {
      isLate = true;
      controller.abort();
    }, milliseconds);
    const stop = () => controller.abort();
    call.signal?.addEventListener("abort", stop, { once: true });
    try {
      const response = await fetch(address, {
        method,
        headers,
        credentials: "omit",
        cache: "no-store",
        signal: controller.signal,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = method === "HEAD" ? "" : await response.text();
      return { ok: response.ok, status: response.status, body: parsed(text) };
    } catch (thrown) {
      if (call.signal?.aborted) throw aborted();
      if (isLate) {
        const message = `The server did not answer within ${milliseconds / 1000} s.`;
        throw new ChatError({ code: "TIMEOUT", message, cause: thrown });
      }
      throw asChatError(thrown);
    } finally {
      clock.clearTimeout(timer);
      call.signal?.removeEventListener("abort", stop);
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
