def test_a_message_is_seen_by_the_other(ann, bob):
    conversation = ann.direct(bob)
    socket = bob.socket()
    sent = ann.send(conversation, "hello")
    assert socket.received("newMessage") == [sent]
