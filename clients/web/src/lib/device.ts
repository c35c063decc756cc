/** The browser's name and abilities. */
const BROWSERS: [RegExp, string][] = [
  [/Edg\//, "Edge"],
  [/OPR\//, "Opera"],
  [/Firefox\//, "Firefox"],
  [/Chrome\//, "Chrome"],
  [/Safari\//, "Safari"],
];
const SYSTEMS: [RegExp, string][] = [
  [/iPhone|iPad/, "iOS"],
  [/Android/, "Android"],
  [/Windows/, "Windows"],
  [/Mac OS X/, "macOS"],
  [/CrOS/, "ChromeOS"],
  [/Linux/, "Linux"],
];

function firstMatch(table: [RegExp, string][], text: string, otherwise: string): string {
  return table.find(([pattern]) => pattern.test(text))?.[1] ?? otherwise;
}

/** "Chrome on Linux": what the user finds in the list of their devices. */
export function deviceName(userAgent = navigator.userAgent): string {
  return `${firstMatch(BROWSERS, userAgent, "Browser")} on ${firstMatch(SYSTEMS, userAgent, "an unknown system")}`;
}

/** Fingers rather than a mouse: Enter makes a new line there, and the keyboard only opens when asked for. */
export function isTouch(): boolean {
  return matchMedia("(pointer: coarse)").matches;
}

export function prefersStillness(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** Puts text on the clipboard; also on pages without a secure context, where browsers have no clipboard API. */
export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "hidden";
  const before = document.activeElement;
  (document.querySelector("[role=dialog]") ?? document.body).append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  if (before instanceof HTMLElement) before.focus();
  if (!isCopied) throw new Error("The browser did not copy it.");
}
