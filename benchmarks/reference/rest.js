// The REST part of the contract.
import cors from "cors";
import express from "express";
import helmet from "helmet";

import * as auth from "./auth.js";
import * as conversations from "./conversations.js";
import { envelope, HttpError } from "./errors.js";

export function createApp(publishConversation) {
  const app = express();
  app.disable("etag"); // nobody asks again for what changes with every message
  app.use(helmet(), cors());
  app.get("/api/health", (_request, response) => {
    response.json({ success: true, status: "ok", timestamp: new Date().toISOString() });
  });
  app.use(express.json({ limit: "1mb" }));
  addAccounts(app);
  addUser(app, publishConversation);
  return app;
}

// What comes after every route of the application.
export function addFailures(app) {
  app.use(() => {
    throw new HttpError(404, "NOT_FOUND", "Route not found");
  });
  app.use((error, _request, response, _next) => {
    if (!(error instanceof HttpError)) console.error(error);
    response.status(error.status ?? 500).json(envelope(error));
  });
}

function addAccounts(app) {
  app.post("/api/auth/register", async (request, response) => {
    response.status(201).json(await auth.register(request.body));
  });
  app.post("/api/auth/login", async (request, response) => {
    response.json(await auth.logIn(request.body));
  });
}

function addUser(app, publishConversation) {
  app.use("/api/user", auth.signedIn);
  app.get("/api/user/contacts", async (request, response) => {
    response.json({ success: true, data: await conversations.contacts(request.user._id) });
  });
  app.get("/api/user/conversations", async (request, response) => {
    response.json({ success: true, ...(await conversations.list(request.user._id)) });
  });
  app.post("/api/user/conversations", async (request, response) => {
    const { conversation, isNew } = await conversations.create(request.user._id, request.body);
    if (isNew) publishConversation(conversation);
    response.status(isNew ? 201 : 200).json({ success: true, data: { ...conversation, isNew } });
  });
  app.get("/api/user/messages/:conversationId", async (request, response) => {
    const page = await conversations.history(request.user._id, request.params.conversationId, request.query);
    response.json({ success: true, ...page });
  });
}
