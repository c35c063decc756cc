/** Unique ids of messages and devices. */
import type { ChatStorage } from "./storage/storage.js";

/** A random UUID, also where `crypto.randomUUID` is missing (React Native, plain-HTTP pages). */
export function newId(random: () => number): string {
  if (typeof crypto !== "undefined" && typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const digit = () => Math.floor(random() * 16);
  return "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx".replace(/[xy]/g, (letter) =>
    (letter === "x" ? digit() : 8 + (digit() % 4)).toString(16),
  );
}

/** The stable id of this device, the same for every user; made once. None where storage fails. */
export async function deviceId(
  storage: ChatStorage,
  key: string,
  makeId: () => string,
): Promise<{ readonly deviceId?: string }> {
  try {
    const [known] = await storage.read([key]);
    if (typeof known === "string") return { deviceId: known };
    const made = makeId();
    await storage.write([[key, made]], []);
    return { deviceId: made };
  } catch {
    return {};
  }
}
