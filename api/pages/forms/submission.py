"""The fields of a submitted form, as dependencies of routes."""

from typing import Annotated

from fastapi import Depends, Request


async def _submitted_fields(request: Request) -> dict[str, str]:
    return {name: value for name, value in (await request.form()).items() if isinstance(value, str)}


async def _submitted_lists(request: Request) -> dict[str, list[str]]:
    form = await request.form()
    return {name: [value for value in form.getlist(name) if isinstance(value, str)] for name in form}


SubmittedFields = Annotated[dict[str, str], Depends(_submitted_fields)]
"""The text fields of a form by name; the last one counts if a name occurs twice."""

SubmittedLists = Annotated[dict[str, list[str]], Depends(_submitted_lists)]
"""The text fields of a form by name, with all values of each name."""
