"""The demo users and their messages."""

PASSWORD = "password123"

USERS = [
    ("Tini", "tini@test.com"),
    ("Suvankar", "suvankar@test.com"),
    ("Bdbb", "bdbb@test.com"),
    ("Krish", "krish@test.com"),
]

# (type, name, members with the creator first, [(sender, text)])
CONVERSATIONS: list[tuple[str, str | None, list[str], list[tuple[str, str]]]] = [
    (
        "direct",
        None,
        ["Tini", "Suvankar"],
        [
            ("Tini", "Hi Suvankar! Did the new build arrive on your phone?"),
            ("Suvankar", "Yes, installing it now 🙂"),
            ("Suvankar", "Contacts load at once. What did you change?"),
            ("Tini", "The server says why a list is empty, so the app no longer guesses."),
            ("Suvankar", "Finally! And messages survive the tunnel on my way home?"),
            ("Tini", "They do. Try it tonight and tell me."),
        ],
    ),
    (
        "direct",
        None,
        ["Krish", "Tini"],
        [
            ("Krish", "Are we still on for Thursday?"),
            ("Tini", "Thursday at ten, the usual place ☕"),
            ("Krish", "Great, see you there."),
        ],
    ),
    (
        "direct",
        None,
        ["Bdbb", "Tini"],
        [("Bdbb", "Can you send me the notes from yesterday?"), ("Tini", "Of course: https://example.com/notes")],
    ),
    (
        "group",
        "Weekend hike",
        ["Tini", "Suvankar", "Bdbb", "Krish"],
        [
            ("Tini", "Who is in for Saturday?"),
            ("Krish", "Me! Sunrise or civilised hours?"),
            ("Bdbb", "Civilised, please. Nine?"),
            ("Suvankar", "Nine works. I bring tea and samosas."),
            ("Tini", "Nine it is. Train leaves from platform 3."),
            ("Krish", "The forecast says sun ☀️"),
        ],
    ),
]

FIRST_NAMES = ["Asha", "Ben", "Chitra", "Dev", "Elif", "Farah", "Goran", "Hana", "Ivo", "Jaya", "Kofi", "Lena"]

PHRASES = [
    "Good morning!",
    "On my way.",
    "Did you see the news?",
    "Let's talk about it tomorrow.",
    "👍",
    "I have sent you the file.",
    "Lunch at one?",
    "That sounds good to me.",
    "Can you call me back when you have a minute?",
    "Happy birthday 🎉",
]
