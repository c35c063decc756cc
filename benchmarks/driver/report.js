// What a run gave: medians, ratios to the reference round by round, as a table and as JSON.
import { comparedWith, REFERENCE } from "./servers.js";
import { median } from "./tools.js";

const FOREIGN_LOAD_WORTH_SAYING = 0.05;

export function summarise({ plan, subjects, windows, commands }) {
  const compared = comparedWith(subjects.map(({ name }) => name));
  return plan.figures.map(({ key, title, unit, goal = null, primary }) => {
    const reference = windows[key]?.[compared] ?? [];
    const rows = subjects.map(({ name }) => {
      const own = windows[key]?.[name] ?? [];
      return {
        subject: name,
        ...summary(own, primary),
        ratio: name === compared ? null : ratio(own, reference, primary),
        commands: commands[key]?.[name] ?? null,
        windows: own,
      };
    });
    return { key, title, unit, goal: compared === REFERENCE ? goal : null, primary, rows };
  });
}

const values = (windows, property) => windows.map((window) => window[property]);

function summary(windows, primary) {
  const found = values(windows, primary);
  const middle = median(found);
  const spread = found.length > 1 ? (Math.max(...found) - Math.min(...found)) / 2 / middle : null;
  const others = ["perSecond", "p50", "p99"].map((name) => [
    name,
    median(values(windows, name).filter(Number.isFinite)),
  ]);
  return { value: middle, spread, ...Object.fromEntries(others) };
}

// The ratio of the windows of each round: { middle, least, most }; null where there is nothing to compare.
function ratio(own, reference, primary) {
  const ofRound = new Map(reference.map((window) => [window.round, window[primary]]));
  const pairs = own
    .filter(({ round }) => ofRound.has(round))
    .map((window) => window[primary] / ofRound.get(window.round));
  return pairs.length ? { middle: median(pairs), least: Math.min(...pairs), most: Math.max(...pairs) } : null;
}

// ---- the table ----

const HEADINGS = [
  "figure",
  "subject",
  "value",
  "",
  "±",
  "ratio",
  "(least–most)",
  "goal",
  "per s",
  "p50 ms",
  "p99 ms",
  "commands",
];
const LEFT = new Set([0, 1, 3]);

export function table(summaries) {
  const rows = [HEADINGS, ...summaries.flatMap(figureRows)];
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const pad = (text, column) => (LEFT.has(column) ? text.padEnd(widths[column]) : text.padStart(widths[column]));
  return rows.map((row) => row.map(pad).join("  ").trimEnd()).join("\n");
}

function figureRows({ title, unit, goal, rows }) {
  return rows.map((row, index) => [
    index ? "" : title,
    row.subject,
    number(row.value),
    row.value === null ? "" : unit,
    row.spread === null ? "" : `${(row.spread * 100).toFixed(0)} %`,
    row.ratio ? row.ratio.middle.toFixed(2) : "",
    row.ratio ? `${row.ratio.least.toFixed(2)}–${row.ratio.most.toFixed(2)}` : "",
    goal && row.ratio ? `≤ ${goal.toFixed(1)} ${row.ratio.middle <= goal ? "yes" : "no"}` : "",
    number(row.perSecond),
    number(row.p50),
    number(row.p99),
    row.commands === null ? "" : row.commands.toFixed(2),
  ]);
}

function number(value) {
  if (value === null || value === undefined) return "–";
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

// One line on what else used the servers' core while it was measured, when that matters.
export function disturbance(summaries) {
  const windows = summaries.flatMap(({ rows }) => rows.flatMap((row) => row.windows));
  const loads = windows.map(({ foreignLoad }) => foreignLoad ?? 0);
  const disturbed = loads.filter((load) => load > FOREIGN_LOAD_WORTH_SAYING).length;
  if (!disturbed) return "";
  const most = (Math.max(...loads) * 100).toFixed(0);
  return (
    `In ${disturbed} of ${loads.length} windows others used the servers' core, at most ${most} % of it: ` +
    "CPU figures are then a little high, latencies more."
  );
}

// The busiest worker's count over the mean of all; null without any.
export function balanceOf(counts) {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return total ? (Math.max(...counts) * counts.length) / total : null;
}

// What several workers can do beside one, if each has a core: workers × CPU per operation of one ÷ of all, as far as the
// busiest worker lets them. One line for each figure in CPU time that both have.
export function capacities(summaries, servers) {
  const several = servers.filter(({ workers }) => workers > 1);
  return several.flatMap(({ name, workers }) => {
    const balance = worstBalance(summaries, name);
    const told = balance === null ? "sockets not measured" : `busiest worker's sockets ÷ mean ${balance.toFixed(2)}`;
    return summaries
      .filter(({ primary }) => primary === "cpuMicroseconds")
      .map(({ key, rows }) => [key, medianOf(rows, "chatapp"), medianOf(rows, name)])
      .filter(([, one, all]) => one && all)
      .map(([key, one, all]) => {
        const capacity = (workers * one) / all / (balance ?? 1);
        return `${key}: ${name} can do ${capacity.toFixed(2)} × what one worker does (${told})`;
      });
  });
}

const medianOf = (rows, name) => rows.find(({ subject }) => subject === name)?.value;

function worstBalance(summaries, name) {
  const windows = summaries
    .flatMap(({ rows }) => rows.filter(({ subject }) => subject === name))
    .flatMap(({ windows }) => windows);
  const found = windows.map(({ balance }) => balance).filter(Number.isFinite);
  return found.length ? Math.max(...found) : null;
}
