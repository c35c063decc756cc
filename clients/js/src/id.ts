/** Ids that nobody else makes. */

/** A random UUID, also where `crypto.randomUUID` is missing (React Native, plain-HTTP pages). */
export function newId(random: () => number): string {
  if (typeof crypto !== "undefined" && typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const digit = () => Math.floor(random() * 16);
  return "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx".replace(/[xy]/g, (letter) =>
    (letter === "x" ? digit() : 8 + (digit() % 4)).toString(16),
  );
}
