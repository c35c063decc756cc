"""The parts that are the same in every answer."""

from typing import Generic, TypedDict, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Data(TypedDict, Generic[T_co]):
    """An answer that is `data` and nothing else."""

    data: T_co


class WhyEmpty(TypedDict, total=False):
    """The next page's cursor, or why there is nothing."""

    next: str
    code: str
    message: str
