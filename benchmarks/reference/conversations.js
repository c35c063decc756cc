// Conversations and messages, for both transports.
import mongoose from "mongoose";

import { HttpError, notAConversation } from "./errors.js";
import { Conversation, Message, User } from "./models.js";
import { conversationView, messageView, userView } from "./views.js";

const PAGE = 100;
const LARGEST_PAGE = 200;
const PERSON = "name email avatar";

export async function contacts(userId) {
  const users = await User.find({ _id: { $ne: userId } }, "name email avatar created")
    .sort({ name: 1, _id: 1 })
    .limit(LARGEST_PAGE)
    .batchSize(LARGEST_PAGE)
    .lean();
  return users.map(userView);
}

export async function list(userId) {
  const fields = `type name avatar participants lastMessage head seen.${userId} createdBy createdAt updatedAt`;
  const found = await Conversation.find({ participants: userId }, fields)
    .sort({ updatedAt: -1 })
    .limit(LARGEST_PAGE)
    .batchSize(LARGEST_PAGE)
    .populate("participants", PERSON)
    .lean();
  return {
    data: found.map((conversation) => conversationView(conversation, userId)),
    pagination: { skip: 0, limit: LARGEST_PAGE, hasMore: false },
  };
}

export async function create(userId, { type, participants, name = null, avatar = null }) {
  const members = [...new Set([userId, ...participants])];
  if (type === "direct") {
    if (members.length !== 2) throw new HttpError(400, "VALIDATION_ERROR", "Exactly one other participant");
    const directKey = [...members].sort().join(":");
    const existing = await Conversation.findOne({ directKey }).populate("participants", PERSON).lean();
    if (existing) return { conversation: conversationView(existing, userId), isNew: false };
    return stored(userId, { type, participants: members, createdBy: userId, directKey });
  }
  return stored(userId, { type, participants: members, createdBy: userId, name, avatar });
}

async function stored(userId, fields) {
  const created = await Conversation.create(fields);
  await created.populate("participants", PERSON);
  return { conversation: conversationView(created.toObject({ flattenMaps: true }), userId), isNew: true };
}

export async function history(userId, conversationId, { limit = PAGE, before } = {}) {
  if (!mongoose.isValidObjectId(conversationId)) throw notAConversation();
  const mine = { _id: conversationId, participants: userId };
  const conversation = await Conversation.findOne(mine, "type participants seen").lean();
  if (!conversation) throw notAConversation();
  const size = Math.min(Number(limit), LARGEST_PAGE);
  const rule = before ? { conversationId, seq: { $lt: Number(before) } } : { conversationId };
  const found = await Message.find(rule)
    .sort({ seq: -1 })
    .limit(size + 1)
    .batchSize(size + 1)
    .populate("sender", "name avatar")
    .lean();
  const page = found.slice(0, size);
  const hasMore = found.length > size;
  return {
    data: page.map((message) => messageView(message, message.sender, conversation, userId)),
    pagination: { limit: size, hasMore, nextBefore: hasMore ? page.at(-1).seq : null, nextAfter: null },
  };
}

// Two commands: the first checks the membership, numbers the message and brings the list up to date in one.
export async function send(user, { conversationId, content, attachment = null, clientMsgId = null }) {
  if (!mongoose.isValidObjectId(conversationId)) throw notAConversation();
  const _id = new mongoose.Types.ObjectId();
  const createdAt = new Date();
  const conversation = await Conversation.findOneAndUpdate(
    { _id: conversationId, participants: user._id },
    {
      $set: { lastMessage: { _id, content, senderId: user._id, attachment, createdAt } },
      $inc: { head: 1, [`seen.${user._id}`]: 1 },
    },
    { returnDocument: "after", projection: { type: 1, head: 1 }, lean: true },
  );
  if (!conversation) throw notAConversation();
  const fields = {
    _id,
    conversationId,
    seq: conversation.head,
    sender: user._id,
    clientMsgId,
    content,
    attachment,
    createdAt,
  };
  const message = await Message.create(fields);
  return messageView(message, user, conversation, user._id);
}

// The conversations of a user with everybody in them: what a connecting socket joins, and whom it tells.
export function circle(userId) {
  return Conversation.find({ participants: userId }, "participants").lean();
}
