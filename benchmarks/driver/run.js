// A run: every figure on every subject, in turn, and the windows that it gave.
import { comparedWith } from "./servers.js";
import { within } from "./tools.js";

const REGISTERING = { ARGON2_MEMORY_KIB: "1024", ARGON2_TIME_COST: "1" }; // cheap: nobody logs in with these passwords
const COUNTING = { COUNT_COMMANDS: "1" };
const COUNTING_SECONDS = 0.4;
const LONGEST_PREPARATION_SECONDS = 600;
const LONGEST_CONNECTIONS_SECONDS = 300;
const WINDOW_ALLOWANCE_SECONDS = 60;

export class Run {
  // `say` tells the progress.
  constructor(plan, subjects, say) {
    Object.assign(this, { plan, subjects, say });
    this.windows = {}; // figure's key → subject's name → [window of each round]
    this.commands = {}; // figure's key → subject's name → database commands per operation
    this.failures = [];
  }

  async measure() {
    await this.registerAll();
    for (const scenario of this.plan.scenarios.filter(({ measure }) => measure)) await this.#measureFresh(scenario);
    const rest = this.plan.scenarios.filter(({ measure }) => !measure);
    if (!rest.length) return;
    await this.startAll();
    for (const scenario of rest) {
      for (const subject of this.subjects) {
        const keys = scenario.figures.map(({ key }) => key);
        await this.#attempt(keys, subject, () => this.prepare(scenario, subject));
      }
      const ready = this.subjects.filter(({ data }) => data[scenario.name]);
      for (const figure of scenario.figures) await this.#measureInTurn(figure, ready);
    }
    await this.#countCommands(rest.filter(({ isCounted }) => isCounted !== false));
  }

  // Operations per second of a figure's windows so far: the reference's, or the first subject's where it is not run.
  maximum(key) {
    const compared = comparedWith(this.subjects.map(({ name }) => name));
    return (this.windows[key]?.[compared] ?? []).map(({ perSecond }) => perSecond);
  }

  // Everybody that the scenarios need, as accounts.
  async registerAll() {
    for (const subject of this.subjects) {
      this.say(`${subject.name}: registering`);
      await subject.start(REGISTERING);
      subject.people = {};
      for (const { name, people } of this.plan.scenarios) subject.people[name] = await subject.register(people);
      await subject.stop();
    }
  }

  async startAll() {
    for (const subject of this.subjects) await subject.start();
  }

  async prepare(scenario, subject) {
    this.say(`${subject.name}: preparing ${scenario.name}`);
    const prepared = scenario.prepare(subject, subject.people[scenario.name]);
    subject.data[scenario.name] = await within(LONGEST_PREPARATION_SECONDS, `preparing ${scenario.name}`, prepared);
    await subject.settle();
  }

  // A scenario that measures all its figures at once, on a process that did nothing before.
  async #measureFresh(scenario) {
    for (let round = 0; round < this.plan.connectionRounds; round += 1) {
      for (const subject of this.#order(round)) {
        this.say(`${scenario.name}, round ${round + 1}: ${subject.name}`);
        await subject.start(scenario.settings);
        const keys = scenario.figures.map(({ key }) => key);
        await this.#attempt(keys, subject, async () => {
          const windows = await within(LONGEST_CONNECTIONS_SECONDS, scenario.name, scenario.measure(subject));
          for (const key of keys) this.#keep(key, subject, { round, ...windows[key] });
        });
        await subject.stop();
      }
    }
  }

  async #measureInTurn(figure, subjects) {
    if (figure.derive) return this.#derive(figure);
    const { rounds, seconds } = this.plan;
    for (let round = 0; round < rounds; round += 1) {
      for (const subject of this.#order(round, subjects)) {
        this.say(`${figure.key}, round ${round + 1}: ${subject.name}`);
        await this.#attempt([figure.key], subject, async () => {
          const limit = seconds * 10 + WINDOW_ALLOWANCE_SECONDS;
          const window = await within(limit, figure.key, figure.measure(subject, seconds, this));
          this.#keep(figure.key, subject, { round, ...window });
        });
      }
    }
  }

  // A figure that follows from the windows of others.
  #derive({ key, derive }) {
    for (const { name } of this.subjects) {
      for (const window of derive((other) => this.windows[other]?.[name] ?? [])) this.#keep(key, { name }, window);
    }
  }

  // Forward and back again (ABBA), so that what drifts touches all alike.
  #order(round, subjects = this.subjects) {
    return round % 2 ? [...subjects].reverse() : subjects;
  }

  // A window that fails does not count, and the run does not end well; the others go on.
  async #attempt(keys, subject, measure) {
    try {
      await measure();
    } catch (error) {
      this.failures.push(...keys.map((key) => ({ key, subject: subject.name, reason: error.message })));
      this.say(`${keys.join(", ")}: ${subject.name} failed: ${error.message}\n`);
      await subject.allArrived();
      subject.forget();
    }
  }

  #keep(key, subject, window) {
    this.windows[key] ??= {};
    this.windows[key][subject.name] ??= [];
    this.windows[key][subject.name].push(window);
  }

  // Short windows in which the servers count their database commands; what these cost is not looked at.
  async #countCommands(scenarios) {
    for (const subject of this.subjects) {
      this.say(`${subject.name}: counting database commands`);
      await subject.stop();
      await subject.start(COUNTING);
      subject.isCounting = true;
      for (const scenario of scenarios.filter(({ name }) => subject.data[name])) {
        await scenario.connect?.(subject);
        await subject.settle();
        for (const { key, measure } of scenario.figures) {
          await this.#attempt([key], subject, async () => {
            const { commands } = await within(WINDOW_ALLOWANCE_SECONDS, key, measure(subject, COUNTING_SECONDS, this));
            this.commands[key] ??= {};
            this.commands[key][subject.name] = commands;
          });
        }
      }
    }
  }
}
