/** Times as people say them. `now` is given, so that they can be tested and are the same within one rendering. */
import { useEffect, useState } from "react";

const DAY = 24 * 60 * 60 * 1000;

const clockFormat = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const weekdayFormat = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const shortFormat = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const fullFormat = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const exactFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "short" });

function midnight(time: Date): number {
  return new Date(time.getFullYear(), time.getMonth(), time.getDate()).getTime();
}

/** How many midnights lie between: 0 is today, 1 yesterday. Days of 23 and 25 hours count as days. */
function daysAgo(time: Date, now: Date): number {
  return Math.round((midnight(now) - midnight(time)) / DAY);
}

/** 14:05 */
export function clockTime(iso: string): string {
  return clockFormat.format(new Date(iso));
}

/** 3 February 2026 at 14:05 */
export function exactTime(iso: string): string {
  return exactFormat.format(new Date(iso));
}

/** Names the calendar day on this device, for comparing: two messages of one day have the same. */
export function dayOf(iso: string): string {
  const time = new Date(iso);
  return `${time.getFullYear()}-${time.getMonth() + 1}-${time.getDate()}`;
}

/** Today, Yesterday, Tuesday, 3 February 2026 */
export function dayLabel(iso: string, now: Date): string {
  const time = new Date(iso);
  const days = daysAgo(time, now);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return days > 1 && days < 7 ? weekdayFormat.format(time) : fullFormat.format(time);
}

/** What a list has room for: 14:05, Yesterday, Tuesday, 3 Feb */
export function listTime(iso: string, now: Date): string {
  const time = new Date(iso);
  const days = daysAgo(time, now);
  if (days <= 0) return clockFormat.format(time);
  if (days === 1) return "Yesterday";
  return days < 7 ? weekdayFormat.format(time) : shortFormat.format(time);
}

/** today at 14:05, yesterday at 14:05, 3 February 2026 */
export function lastSeenTime(iso: string, now: Date): string {
  const days = daysAgo(new Date(iso), now);
  if (days <= 0) return `today at ${clockTime(iso)}`;
  return days === 1 ? `yesterday at ${clockTime(iso)}` : fullFormat.format(new Date(iso));
}

/** Now, renewed at midnight: what was today is yesterday then. */
export function useToday(): Date {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    const timer = setTimeout(() => setNow(new Date()), midnight(now) + DAY + 1000 - now.getTime());
    const looked = () => setNow((before) => (daysAgo(before, new Date()) === 0 ? before : new Date()));
    document.addEventListener("visibilitychange", looked); // timers sleep with the device
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", looked);
    };
  }, [now]);
  return now;
}

/** Whole seconds until then, renewed each second; 0 when it has come, or there is nothing to wait for. */
export function useCountdown(until: number | undefined): number {
  const [, tick] = useState(0);
  useEffect(() => {
    if (until === undefined) return;
    const timer = setInterval(() => tick((count) => count + 1), 250);
    return () => clearInterval(timer);
  }, [until]);
  return until === undefined ? 0 : Math.max(0, Math.ceil((until - Date.now()) / 1000));
}
