"""The JSON of drafts: what was entered, which files are kept, until when."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from serve.custody.drafts import Draft
from serve.wire.schema import Body
from serve.wire.views import CheckView, Time

_Words = Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=300)]


class Entered(Body):
    """What somebody entered so far, as entered: nothing is checked before the enrolment is sent."""

    step: int = Field(1, ge=1, le=4, description="Where they were in the steps.")
    name: str = Field("", max_length=80)
    gender: str = Field("", max_length=16)
    tools: _Words | None = None
    purposes: _Words | None = None
    channels: _Words | None = None
    territories: _Words | None = None
    until: str = Field("", max_length=40, description="The consent's last day.")
    pay: str = Field("", max_length=40)
    amount: str = Field("", max_length=80)
    intended_use: str = Field("", max_length=2000)
    approval: str = Field("", max_length=40)


class DraftChange(Body):
    """What to keep, and which state of the draft the writer has seen."""

    id: str = Field("", max_length=64, description="Empty to begin one.")
    revision: int = Field(0, ge=0)
    entered: Entered


class DraftFileView(BaseModel):
    kind: str
    stamp: str = Field(description="Changes with the content.")
    name: str
    media_type: str
    checks: list[CheckView] = Field(description="What was said about a photo.")


class DraftView(BaseModel):
    id: str
    revision: int
    entered: Entered
    files: list[DraftFileView]
    created_at: Time
    expires_at: Time = Field(
        description="Then it is destroyed; a change moves it, a few days at most."
    )

    @classmethod
    def of(cls, draft: Draft) -> DraftView:
        """Show a draft to its owner."""
        return cls(
            id=draft.id,
            revision=draft.revision,
            entered=Entered.model_validate(draft.entered),
            files=[
                DraftFileView(
                    kind=file.kind,
                    stamp=file.asset,
                    name=file.name,
                    media_type=file.media_type,
                    checks=[CheckView.model_validate(check) for check in file.checks],
                )
                for file in draft.files
            ],
            created_at=draft.created_at,
            expires_at=draft.expires_at,
        )


class DraftFileKept(BaseModel):
    draft: DraftView
    kept: bool = Field(description="Whether the file is part of the draft now.")
    checks: list[CheckView] = Field(description="Of a photo; none of a form.")
