// What a run measures and how long: the whole, or in about two minutes.
import { connectionsScenario } from "./scenarios/connections.js";
import { restScenario } from "./scenarios/rest.js";
import { roomsScenario } from "./scenarios/rooms.js";
import { sendsScenario } from "./scenarios/sends.js";

const WHOLE = {
  rounds: 4,
  seconds: 2,
  connectionRounds: 2,
  idle: [1000, 5000],
  pingSeconds: 10,
  history: 2000,
  sends: [2, 10, 50].flatMap((size) => [1, 20].map((inFlight) => [size, inFlight])),
  hasPaced: true,
  rooms: [50, 300, 1000],
  texts: [250, 1024],
};

const QUICK = {
  rounds: 2,
  seconds: 0.6,
  connectionRounds: 1,
  idle: [500],
  pingSeconds: 4,
  history: 500,
  sends: [
    [2, 1],
    [10, 20],
  ],
  hasPaced: false,
  rooms: [50, 300],
  texts: [250],
};

// `chosen` are starts of figures' keys, all when empty; what a chosen figure needs is measured too, and a scenario
// without a figure is left out.
export function makePlan({ isQuick, chosen, rounds, seconds }) {
  const size = isQuick ? QUICK : WHOLE;
  const all = [connectionsScenario(size), restScenario(size), sendsScenario(size), roomsScenario(size)];
  const isChosen = ({ key }) => !chosen.length || chosen.some((start) => key.startsWith(start));
  const wanted = all.flatMap(({ figures }) => figures.filter(isChosen));
  const keys = new Set(wanted.flatMap(({ key, needs = [] }) => [key, ...needs]));
  const isWanted = ({ key }) => keys.has(key);
  const scenarios = all.map((scenario) => ({ ...scenario, figures: scenario.figures.filter(isWanted) }));
  return {
    rounds: rounds ?? size.rounds,
    connectionRounds: rounds ?? size.connectionRounds,
    seconds: seconds ?? size.seconds,
    scenarios: scenarios.filter(({ figures }) => figures.length),
    figures: scenarios.flatMap(({ figures }) => figures),
  };
}
