/** `ChatError`, the one class for all errors, from the server and from the SDK itself. */

interface Envelope {
  readonly success: false;
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly statusCode: number;
    readonly requestId: string;
    readonly details?: Readonly<Record<string, unknown>>;
  };
}

/** Codes of the SDK itself; all others are the server's (`/api/openapi.json`). */
export type LocalErrorCode =
  | "NETWORK_ERROR"
  | "TIMEOUT"
  | "ABORTED"
  | "BAD_ANSWER"
  | "SIGNED_OUT"
  | "STORAGE_FAILED"
  | "TOO_LARGE"
  | "CLOSED";

export type ErrorCode = LocalErrorCode | (string & {});

const WORTH_REPEATING = new Set([408, 429, 500, 502, 503, 504]);

export interface ErrorDescription {
  readonly code: ErrorCode;
  readonly message: string;
  /** 0 when there was no answer. */
  readonly statusCode?: number;
  readonly requestId?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

export class ChatError extends Error {
  override readonly name = "ChatError";
  readonly code: ErrorCode;
  readonly statusCode: number;
  /** The server's id of the request, to search its log by. */
  readonly requestId: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  override readonly cause: unknown;

  constructor(description: ErrorDescription) {
    super(description.message);
    this.code = description.code;
    this.statusCode = description.statusCode ?? 0;
    this.requestId = description.requestId;
    this.details = description.details ?? {};
    this.cause = description.cause;
  }

  /** Whether the same call can succeed later. */
  get retryable(): boolean {
    return this.code === "NETWORK_ERROR" || this.code === "TIMEOUT" || WORTH_REPEATING.has(this.statusCode);
  }

  /** Seconds after which trying again makes sense, where the server said so. */
  get retryAfter(): number | undefined {
    const seconds = this.details.retryAfter;
    return typeof seconds === "number" ? seconds : undefined;
  }

  /** The errors of each field of a form: `{email: ["Not a valid email address."]}`. */
  get fields(): Readonly<Record<string, readonly string[]>> {
    if (this.code !== "VALIDATION_ERROR") return {};
    const rows = Object.entries(this.details).filter(([, texts]) => Array.isArray(texts));
    return Object.fromEntries(rows.map(([name, texts]) => [name, (texts as unknown[]).map(String)]));
  }

  /** A plain object for storage and other tabs. */
  toJSON(): ErrorDescription {
    const { code, message, statusCode, requestId, details } = this;
    return { code, message, statusCode, details, ...(requestId === undefined ? {} : { requestId }) };
  }
}

/** Return whether this is the server's failure envelope. */
function isEnvelope(body: unknown): body is Envelope {
  const error = (body as Envelope | null)?.error;
  return typeof error === "object" && error !== null && typeof error.code === "string";
}

/** The server's failure envelope as a ChatError; anything else as BAD_ANSWER with that status. */
export function fromAnswer(body: unknown, statusCode: number): ChatError {
  if (isEnvelope(body)) return new ChatError({ ...body.error, statusCode: body.error.statusCode ?? statusCode });
  return new ChatError({
    code: "BAD_ANSWER",
    message: `The answer (status ${statusCode}) is not from the chat server. Is something between?`,
    statusCode,
  });
}

export function signedOut(): ChatError {
  return new ChatError({ code: "SIGNED_OUT", message: "Nobody is signed in." });
}

/** `what` failed because of `thrown`; `effect` is a sentence about the consequences. */
export function storageFailed(what: string, thrown: unknown, effect: string): ChatError {
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  return new ChatError({ code: "STORAGE_FAILED", message: `${what} (${reason}). ${effect}`, cause: thrown });
}

export function sessionStorageFailed(thrown: unknown): ChatError {
  return storageFailed("The device's storage failed", thrown, "The session may be lost when the app ends.");
}

/** Converts any thrown value into a ChatError. */
export function asChatError(thrown: unknown): ChatError {
  if (thrown instanceof ChatError) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return new ChatError({ code: "NETWORK_ERROR", message: `The server can't be reached (${text}).`, cause: thrown });
}
