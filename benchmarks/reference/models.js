// What is stored, with the index that serves each query.
import mongoose from "mongoose";

const { Schema } = mongoose;
const { ObjectId } = Schema.Types;

const userSchema = new Schema(
  {
    email: { type: String, required: true, unique: true, lowercase: true, trim: true },
    name: { type: String, required: true },
    avatar: { type: String, default: null },
    password: { type: String, required: true },
  },
  { timestamps: { createdAt: "created", updatedAt: false } },
);
userSchema.index({ name: 1, _id: 1 });

const lastMessageSchema = new Schema({ content: String, senderId: ObjectId, attachment: String, createdAt: Date });

// `head` counts the messages, `seen` those that a member has seen or sent: unread is the difference, so that
// a send writes the same few numbers whatever the size of the group.
const conversationSchema = new Schema(
  {
    type: { type: String, enum: ["direct", "group"], required: true },
    name: { type: String, default: null },
    avatar: { type: String, default: null },
    participants: [{ type: ObjectId, ref: "User" }],
    directKey: { type: String, unique: true, sparse: true },
    createdBy: { type: ObjectId, ref: "User" },
    lastMessage: lastMessageSchema,
    head: { type: Number, default: 0 },
    seen: { type: Map, of: Number, default: {} },
  },
  { timestamps: true },
);
conversationSchema.index({ participants: 1, updatedAt: -1 });

const messageSchema = new Schema(
  {
    conversationId: { type: ObjectId, required: true },
    seq: { type: Number, required: true },
    sender: { type: ObjectId, ref: "User", required: true },
    clientMsgId: { type: String, default: null, maxlength: 64 },
    content: { type: String, required: true, maxlength: 10_000 },
    attachment: { type: String, default: null },
  },
  { timestamps: { createdAt: true, updatedAt: false } },
);
messageSchema.index({ conversationId: 1, seq: -1 }, { unique: true });

export const User = mongoose.model("User", userSchema);
export const Conversation = mongoose.model("Conversation", conversationSchema);
export const Message = mongoose.model("Message", messageSchema);
