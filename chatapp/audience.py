"""Lists of addressees that are used again and again, and what was found for them."""

from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")
WORTH_IT = 20  # members from which on an answer is remembered
MOST_MEMBERS = 100_000  # of all remembered lists together


class Audience(list[T]):
    """A list that nobody changes any more, so that what was found for it can be remembered."""


class Remembered(Generic[R]):
    """Answers by audience (by the very object), until `forget`."""

    __slots__ = ("_answers", "_members")

    def __init__(self) -> None:
        self._answers: dict[int, tuple[object, R]] = {}  # holds the audience, whose id would be given to another one
        self._members = 0

    def get(self, audience: object) -> R | None:
        """Return the answer for this audience, if it is known."""
        known = self._answers.get(id(audience))
        return known[1] if known is not None else None

    def put(self, audience: object, answer: R) -> R:
        """Remember the answer, where the audience is one and it is worth it. Gives the answer."""
        if isinstance(audience, Audience) and len(audience) >= WORTH_IT:
            self._members += len(audience)
            if self._members > MOST_MEMBERS:
                self.forget()
                self._members = len(audience)
            self._answers[id(audience)] = (audience, answer)
        return answer

    def forget(self) -> None:
        """Drop all answers."""
        if self._answers:
            self._answers.clear()
            self._members = 0
