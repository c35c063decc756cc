/** Times as people say them. `now` is given, so that they can be tested and are the same within one rendering. */
import { useObservable } from "@chatapp/client/react";
import { useEffect, useState } from "react";
import { createStore } from "./store";

const DAY = 24 * 60 * 60 * 1000;

function formats() {
  const format = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(undefined, options);
  return {
    zone: format({}).resolvedOptions().timeZone,
    clock: format({ timeStyle: "short" }),
    weekday: format({ weekday: "long" }),
    short: format({ day: "numeric", month: "short" }),
    full: format({ day: "numeric", month: "long", year: "numeric" }),
    exact: format({ dateStyle: "long", timeStyle: "short" }),
  };
}

const current = createStore(formats());

/** Formats keep the time zone that they were made in: travellers need others. */
function lookAtZone(): void {
  if (new Intl.DateTimeFormat().resolvedOptions().timeZone !== current.getSnapshot().zone) current.set(formats());
}

/** The device's time zone, looked at whenever somebody comes back to the page. */
export function useTimeZone(): string {
  useEffect(() => {
    window.addEventListener("focus", lookAtZone);
    document.addEventListener("visibilitychange", lookAtZone);
    return () => {
      window.removeEventListener("focus", lookAtZone);
      document.removeEventListener("visibilitychange", lookAtZone);
    };
  }, []);
  return useObservable(current).zone;
}

function midnight(time: Date): number {
  return new Date(time.getFullYear(), time.getMonth(), time.getDate()).getTime();
}

/** Return the number of midnights between: 0 is today, 1 yesterday. Days of 23 and 25 hours count as days. */
function daysAgo(time: Date, now: Date): number {
  return Math.round((midnight(now) - midnight(time)) / DAY);
}

/** 14:05 */
export function clockTime(iso: string): string {
  return current.getSnapshot().clock.format(new Date(iso));
}

/** 3 February 2026 at 14:05 */
export function exactTime(iso: string): string {
  return current.getSnapshot().exact.format(new Date(iso));
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
  return days > 1 && days < 7 ? current.getSnapshot().weekday.format(time) : current.getSnapshot().full.format(time);
}

/** Return the short form for lists: 14:05, Yesterday, Tuesday, 3 Feb */
export function listTime(iso: string, now: Date): string {
  const time = new Date(iso);
  const days = daysAgo(time, now);
  if (days <= 0) return current.getSnapshot().clock.format(time);
  if (days === 1) return "Yesterday";
  return days < 7 ? current.getSnapshot().weekday.format(time) : current.getSnapshot().short.format(time);
}

/** today at 14:05, yesterday at 14:05, 3 February 2026 */
export function lastSeenTime(iso: string, now: Date): string {
  const days = daysAgo(new Date(iso), now);
  if (days <= 0) return `today at ${clockTime(iso)}`;
  return days === 1 ? `yesterday at ${clockTime(iso)}` : current.getSnapshot().full.format(new Date(iso));
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
