"""People as Label Studio names them, and as a log does."""

from __future__ import annotations

from typing import Any


def write_user(by: str) -> dict[str, str]:
    """Write a reviewer as Label Studio does its users."""
    name, _, mail = by.removesuffix(">").partition(" <")
    return {"email": mail, "first_name": name} if mail else {"first_name": name}


def name_user(user: Any) -> str:
    """Return the reviewer that a user of Label Studio is; empty where it does not say."""
    if not isinstance(user, dict):
        return "" if user is None else f"label-studio user {user}"
    name = " ".join(str(user[k]) for k in ("first_name", "last_name") if user.get(k))
    mail = user.get("email")
    return f"{name or mail} <{mail}>" if mail else name
