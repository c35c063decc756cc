// Documents as the contract shows them: users, conversations and messages carry both `id` and `_id`.

export function userView({ _id, name, email, avatar, created }) {
  const id = String(_id);
  return { id, _id: id, name, email, avatar, created };
}

export function conversationView(conversation, userId) {
  const id = String(conversation._id);
  const { head, createdBy } = conversation;
  const seen = conversation.seen?.[userId] ?? 0;
  return {
    _id: id,
    id,
    type: conversation.type,
    name: conversation.name,
    avatar: conversation.avatar,
    history: "all",
    participants: conversation.participants.map((person) => participantView(person, createdBy)),
    lastMessage: lastMessageView(conversation),
    unreadCount: Math.max(0, head - seen),
    head: { seq: head, mseq: head },
    firstSeq: 1,
    readSeq: seen,
    readMseq: seen,
    createdBy,
    createdAt: conversation.createdAt,
    updatedAt: conversation.updatedAt,
  };
}

function participantView({ _id, name, email, avatar }, owner) {
  const id = String(_id);
  return { id, _id: id, name, email, avatar, role: owner.equals(_id) ? "owner" : "member" };
}

function lastMessageView({ lastMessage, head }) {
  if (!lastMessage) return null;
  const { content, senderId, attachment, createdAt } = lastMessage;
  const id = String(lastMessage._id);
  return { _id: id, id, seq: head, content, senderId, attachment, type: "message", createdAt };
}

// `conversation` needs its type, and for a history its participants and what they have seen.
export function messageView(message, sender, conversation, userId) {
  const id = String(message._id);
  const senderId = String(sender._id);
  const { seq } = message;
  const view = {
    id,
    _id: id,
    conversationId: String(message.conversationId),
    seq,
    mseq: seq,
    clientMsgId: message.clientMsgId,
    type: "message",
    createdAt: message.createdAt,
    content: message.content,
    attachment: message.attachment,
    sender: { id: senderId, _id: senderId, name: sender.name, avatar: sender.avatar },
    status: "sent",
  };
  return senderId === userId ? Object.assign(view, status(seq, conversation, userId)) : view;
}

// How far an own message has come; in a group with the counts.
function status(seq, { type, participants = [], seen = {} }, userId) {
  const others = participants.filter((participant) => String(participant) !== userId);
  const read = others.filter((participant) => (seen[participant] ?? 0) >= seq).length;
  const isRead = read > 0 && read === others.length;
  return { status: isRead ? "read" : "sent", ...(type === "group" && { deliveredTo: read, readBy: read }) };
}
