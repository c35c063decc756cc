// Failures that a client is told.
export class HttpError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export const notAConversation = () => new HttpError(404, "CONVERSATION_NOT_FOUND", "Conversation not found");

export function envelope(error) {
  const { status = 500, code = "INTERNAL_ERROR" } = error;
  const message = error.code && error.status ? error.message : "Something went wrong on the server";
  return { success: false, error: { code, message, statusCode: status }, msg: message };
}
