// The reference server: Express 5, Socket.IO 4.8 and Mongoose on one port and in one process.
import { createServer as createHttpServer } from "node:http";

import mongoose from "mongoose";

import { addFailures, createApp } from "./rest.js";
import { settings } from "./settings.js";
import { createServer, publishConversation } from "./sockets.js";

const KEEP_ALIVE_MS = 75_000;

await mongoose.connect(settings.mongoUri, {
  dbName: settings.database,
  autoIndex: false,
  maxPoolSize: 10,
  minPoolSize: 2,
  writeConcern: { w: "majority" },
  monitorCommands: settings.countCommands,
});
await mongoose.syncIndexes();

const app = createApp((conversation) => publishConversation(io, conversation));
if (settings.countCommands) countCommands(app);
addFailures(app);
const httpServer = createHttpServer({ keepAliveTimeout: KEEP_ALIVE_MS }, app);
const io = createServer(httpServer);
httpServer.listen(settings.port, "127.0.0.1");

// Counting costs something: only a run that counts, and measures nothing else, asks for it.
function countCommands(application) {
  let commands = 0;
  mongoose.connection.getClient().on("commandSucceeded", () => {
    commands += 1;
  });
  application.get("/metrics", (_request, response) => {
    response.type("text/plain").send(`reference_database_command_count ${commands}\n`);
  });
}

process.on("SIGTERM", () => {
  io.close();
  mongoose.disconnect().then(() => process.exit(0));
});
