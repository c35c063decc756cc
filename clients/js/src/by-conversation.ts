/** One object for each conversation, made when it is first asked for. */
export class ByConversation<T> {
  private readonly made = new Map<string, T>();

  constructor(private readonly make: (conversationId: string) => T) {}

  of(conversationId: string): T {
    const found = this.made.get(conversationId) ?? this.make(conversationId);
    this.made.set(conversationId, found);
    return found;
  }

  all(): Iterable<T> {
    return this.made.values();
  }
}
