/** The page's questions to its server about itself. Everything about the chat goes through the SDK. */
export interface DemoUser {
  readonly name: string;
  readonly email: string;
  readonly password: string;
}

/** Users to try the app with: the server names them in development only. */
export async function demoUsers(signal: AbortSignal): Promise<readonly DemoUser[]> {
  try {
    const answer = await fetch("/api/web", { signal });
    const body = await answer.json();
    return Array.isArray(body?.data?.demoUsers) ? body.data.demoUsers : [];
  } catch {
    return []; // they are a convenience; logging in says what is wrong with the server
  }
}
