// The command line.
import { parseArgs } from "node:util";

export const USAGE = `node driver/bench.js [options], with MONGO_URI in the environment
  --quick              a smaller run of about two minutes, without stock
  --only A,B           figures whose key starts with A or B (--list prints the keys)
  --subject A,B        of node, chatapp, stock, chatapp-2, chatapp-4 (workers); before: the checkout in BENCH_BEFORE, with a .venv of its own
  --rounds N           how often each figure is measured
  --seconds N          how long each window is
  --profile COMMAND    run COMMAND with the server's process id appended while one figure's load lasts
  --hold N             print the process id and keep one figure's load up for N seconds
  --list               print the figures and end`;

const OPTIONS = {
  quick: { type: "boolean", default: false },
  only: { type: "string", default: "" },
  subject: { type: "string", default: "" },
  rounds: { type: "string" },
  seconds: { type: "string" },
  profile: { type: "string" },
  hold: { type: "string" },
  list: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
};

export class UsageError extends Error {}

export function readOptions(words) {
  const given = parse(words);
  return {
    isQuick: given.quick,
    isList: given.list,
    isHelp: given.help,
    chosen: split(given.only),
    subjects: split(given.subject),
    rounds: positive("rounds", given.rounds),
    seconds: positive("seconds", given.seconds),
    isProfile: given.profile !== undefined || given.hold !== undefined,
    profile: given.profile,
    hold: positive("hold", given.hold),
  };
}

function parse(words) {
  try {
    return parseArgs({ args: words, options: OPTIONS }).values;
  } catch (error) {
    throw new UsageError(error.message);
  }
}

const split = (text) =>
  text
    .split(",")
    .map((word) => word.trim())
    .filter(Boolean);

function positive(name, text) {
  if (text === undefined) return undefined;
  if (Number(text) > 0) return Number(text);
  throw new UsageError(`--${name} has to be a number above 0`);
}
