"""E-mail addresses: how they are written and compared, and who may see whose."""

import unicodedata

import email_validator

from chatapp.settings import config

EVERYBODY = "everybody"
_LONGEST = 254
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()  # a team's own network may well be called `team.local`


def read(text: str) -> str:
    """Return the address in the spelling that is stored and shown: NFC, lower case, the domain in Unicode.

    Raises ValueError for what is no address (RFC 5321, 6531; the domain by IDNA 2008).
    """
    return _validated(text).normalized.lower()


def key(text: str) -> str:
    """Return the key that all spellings of an address share: NFKC, casefold, the domain in ASCII. Takes any text."""
    try:
        address = _validated(text)
    except ValueError:
        return _folded(text.strip())
    return f"{_folded(address.local_part)}@{address.ascii_domain}"


def is_address(text: str) -> bool:
    """Return whether this is a whole address."""
    try:
        _validated(text)
    except ValueError:
        return False
    return True


def shown(email: str, shares: bool) -> str:
    """Return the address if the viewer `shares` a conversation with its owner, else "": apps need a text."""
    return email if shares or are_public() else ""


def are_public() -> bool:
    """Return whether everybody may see everybody's address."""
    return config().SHOW_EMAILS == EVERYBODY


def _validated(text: str) -> email_validator.ValidatedEmail:
    address = text.strip()
    if "@" not in address or len(address.encode()) > _LONGEST:  # before anything that takes time
        raise ValueError(address)
    return email_validator.validate_email(address, check_deliverability=False)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
