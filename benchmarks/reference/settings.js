// Settings from the environment: the same names and units as chatapp's where both have them.
const number = (name, fallback) => Number(process.env[name] ?? fallback);

export const settings = {
  port: number("PORT", 3001),
  mongoUri: process.env.MONGO_URI,
  database: process.env.MONGO_DATABASE,
  countCommands: process.env.COUNT_COMMANDS === "1",
  jwtSecret: process.env.JWT_SECRET,
  tokenSeconds: 7 * 24 * 60 * 60,
  pingIntervalSeconds: number("PING_INTERVAL", 25),
  pingTimeoutSeconds: number("PING_TIMEOUT", 60),
  argon2: {
    memoryCost: number("ARGON2_MEMORY_KIB", 19_456),
    timeCost: number("ARGON2_TIME_COST", 2),
    parallelism: number("ARGON2_PARALLELISM", 1),
  },
};
