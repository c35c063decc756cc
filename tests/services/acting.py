"""Acts on messages over one of the transports, for tests."""

from urllib.parse import quote


class Acts:
    """Acts over REST or sockets: each returns the answer's JSON. More fields go into the payload."""

    def __init__(self, transport):
        self._is_socket = transport == "socket"

    def send(self, person, conversation, content, **more):
        """Send a message."""
        if self._is_socket:
            return person.socket().call("newMessage", {"conversationId": conversation, "content": content, **more})
        return person.send(conversation, content, **more)

    def edit(self, person, message_id, content, **more):
        """Give a message another text."""
        if self._is_socket:
            return person.socket().call("message:edit", {"messageId": message_id, "newContent": content, **more})
        return person.rest("PATCH", f"/api/messages/{message_id}", json={"content": content, **more}).json

    def delete(self, person, message_id, **more):
        """Delete a message for everyone, if nothing else is said."""
        if self._is_socket:
            return person.socket().call("message:delete", {"messageId": message_id, "deleteFor": "everyone", **more})
        query = {"for" if name == "deleteFor" else name: value for name, value in more.items()}
        return person.rest("DELETE", f"/api/messages/{message_id}", query_string=query).json

    def settings(self, person, conversation, **changes):
        """Change somebody's own settings of a conversation."""
        if self._is_socket:
            return person.socket().call("updateSettings", {"conversationId": conversation, **changes})
        return person.rest("PUT", f"/api/conversations/{conversation}/settings", json=changes).json

    def react(self, person, message_id, emoji, on=True, **more):
        """React to a message, or take it back."""
        if self._is_socket:
            payload = {"messageId": message_id, "emoji": emoji, "on": on, **more}
            return person.socket().call("reaction:add", payload)
        path = f"/api/messages/{message_id}/reactions/{quote(emoji, safe='')}"
        if on:
            return person.rest("PUT", path, json=more).json
        return person.rest("DELETE", path, query_string=more).json

    def hide(self, person, message_id, **more):
        """Delete a message for somebody alone."""
        return self.delete(person, message_id, **{"deleteFor": "me", **more})

    def pin(self, person, message_id, **more):
        """Pin a message."""
        if self._is_socket:
            return person.socket().call("message:pin", {"messageId": message_id, **more})
        return person.rest("PUT", f"/api/messages/{message_id}/pin", json=more).json

    def unpin(self, person, message_id, **more):
        """Unpin a message."""
        if self._is_socket:
            return person.socket().call("message:unpin", {"messageId": message_id, **more})
        return person.rest("DELETE", f"/api/messages/{message_id}/pin", query_string=more).json

    def pins(self, person, conversation):
        """Return the pinned messages."""
        if self._is_socket:
            return person.socket().call("getPinnedMessages", {"conversationId": conversation})
        return person.get(f"/api/conversations/{conversation}/pins")

    def star(self, person, message_id, on=True, **more):
        """Star a message for somebody, or take the star back."""
        if self._is_socket:
            return person.socket().call("starMessage", {"messageId": message_id, "on": on, **more})
        path = f"/api/messages/{message_id}/star"
        return person.rest("PUT", path, json=more).json if on else person.rest("DELETE", path, query_string=more).json

    def stars(self, person, **page):
        """Return a page of somebody's starred messages."""
        if self._is_socket:
            return person.socket().call("getStars", page)
        return person.rest("GET", "/api/user/stars", query_string=page).json

    def search(self, person, text, **wanted):
        """Return a page of the messages that match."""
        if self._is_socket:
            return person.socket().call("searchMessages", {"q": text, **wanted})
        return person.rest("GET", "/api/search", query_string={"q": text, **wanted}).json

    def draft(self, person, conversation, text, draft_id=None):
        """Keep somebody's draft in a conversation."""
        body = {"text": text} | ({"draftId": draft_id} if draft_id else {})
        if self._is_socket:
            return person.socket().call("saveDraft", {"conversationId": conversation, **body})
        return person.rest("PUT", f"/api/conversations/{conversation}/draft", json=body).json

    def edits(self, person, message_id):
        """Return the texts that a message has had."""
        if self._is_socket:
            return person.socket().call("getEdits", {"messageId": message_id})
        return person.get(f"/api/messages/{message_id}/edits")


def code_of(answer):
    """Return an answer's error code, "OK" for a success."""
    return "OK" if answer["success"] else answer["error"]["code"]


def history(person, conversation):
    """Return the messages of a conversation as somebody sees them, newest first."""
    return person.get(f"/api/conversations/{conversation}/messages")["data"]


def listed(person):
    """Return the one conversation in somebody's list."""
    (row,) = person.get("/api/user/conversations")["data"]
    return row
