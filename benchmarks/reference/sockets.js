// The Socket.IO part of the contract: a room for each user and one for each conversation.
import { Server } from "socket.io";

import * as auth from "./auth.js";
import * as conversations from "./conversations.js";
import { envelope, HttpError } from "./errors.js";
import { settings } from "./settings.js";

const userRoom = (userId) => `user:${userId}`;
const conversationRoom = (conversationId) => `conversation:${conversationId}`;

export function createServer(httpServer) {
  const io = new Server(httpServer, {
    cors: { origin: "*" },
    pingInterval: settings.pingIntervalSeconds * 1000,
    pingTimeout: settings.pingTimeoutSeconds * 1000,
    serveClient: false,
  });
  io.engine.on("connection", (rawSocket) => {
    rawSocket.request = null; // as the documentation's page on memory usage advises
  });
  // What needs the database is read before the connection is accepted: handlers are there from the first packet on.
  io.use(async (socket, next) => {
    try {
      socket.data.user = auth.identify(socket.handshake.auth.token);
      socket.data.circle = await conversations.circle(socket.data.user._id);
      next();
    } catch {
      next(new Error("Authentication error: invalid token"));
    }
  });
  io.on("connection", (socket) => welcome(io, socket));
  return io;
}

export function publishConversation(io, conversation) {
  const rooms = conversation.participants.map(({ id }) => userRoom(id));
  io.in(rooms).socketsJoin(conversationRoom(conversation.id));
  io.to(rooms).emit("newConversation", { success: true, data: { ...conversation, isNew: true } });
}

function welcome(io, socket) {
  const { user, circle } = socket.data;
  delete socket.data.circle;
  enter(io, socket, user._id, circle);
  socket.on("newMessage", (payload, acknowledge) =>
    answer(socket, "newMessage", acknowledge, async () => {
      const message = await conversations.send(user, payload);
      const delivered = { success: true, data: message };
      io.to(conversationRoom(message.conversationId)).emit("newMessage", delivered);
      return delivered;
    }),
  );
  socket.on("disconnecting", () => leave(io, socket, user._id));
}

// Joins the user's rooms, says who is online, and tells the others when this is the user's first socket.
function enter(io, socket, userId, circle) {
  const isFirst = !isOnline(io, userId);
  const rooms = circle.map(({ _id }) => conversationRoom(_id));
  socket.join([userRoom(userId), ...rooms]);
  const partners = new Set(circle.flatMap(({ participants }) => participants.map(String))).add(userId);
  const online = [...partners].filter((partner) => isOnline(io, partner));
  socket.emit("onlineUsers", { success: true, data: online });
  if (isFirst && rooms.length) socket.to(rooms).emit("userOnline", { userId });
}

function leave(io, socket, userId) {
  const rooms = [...socket.rooms].filter((room) => room.startsWith("conversation:"));
  const isLast = io.sockets.adapter.rooms.get(userRoom(userId))?.size === 1;
  if (isLast && rooms.length) socket.to(rooms).emit("userOffline", { userId });
}

function isOnline(io, userId) {
  return io.sockets.adapter.rooms.has(userRoom(userId));
}

// The result as the event's acknowledgement; a failure as an event of the same name too.
async function answer(socket, event, acknowledge, act) {
  let result;
  try {
    result = await act();
  } catch (error) {
    if (!(error instanceof HttpError)) console.error(error);
    result = envelope(error);
    socket.emit(event, result);
  }
  acknowledge?.(result);
}
