"""The whole exception tree, in one file.

Refuse is for policy, fail is for faults. Every class carries a stable `code`, a `title`, an HTTP
`status` and a `remedy` (what the caller does next). Constructor arguments are positional only, so
that every error survives pickling through Ray. `detail` is safe to show: never put a prompt, a
name, a path, an embedding or a secret into it.

    HousemodelError
    |- InvalidRequest 422      |- ImageCheckFailed  |- AttestationMissing
    |                          |- UnresolvedPlaceholder  |- ContentRefused  |- PackInvalid
    |- Unauthenticated 401
    |- Refused 403             |- ScopeMissing  |- ToolNotAllowed  |- ConsentMissing
    |                          |- ConsentExpired  |- ConsentOutOfScope  |- ConsentSuspended
    |                          |- PlanExcludesCustomModels  |- LicenceNotAcknowledged
    |                          |- ApprovalMissing  |- RetentionPolicyMissing  |- ResemblesModel
    |                          |- AddressNotAllowed
    |- NotFound 404
    |- Conflict 409            |- IdempotencyConflict  |- NotReady
    |- ModelRevoked 410
    |- PayloadTooLarge 413
    |- UnsupportedImage 415
    |- TooMany 429             |- QuotaExceeded  |- QueueFull  |- RateLimited
    |- Fault 500               |- EngineFailed  |- MarkingFailed  |- SealBroken
    |                          |- StorageFailed
    |- Unavailable 503         |- Locked (ApplianceLocked)  |- Starting
    `- StorageFull 507
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from workspace.types import Check


class HousemodelError(Exception):
    """Base of every error of this product.

    Args:
        detail: One plain sentence about this occurrence; safe to show to any caller.
        checks: Photo checks that explain the refusal, if that is what it is about.
        retry_after_seconds: When trying again makes sense; None when waiting does not help.
        pointer: JSON pointer (RFC 6901) to the offending field; empty when there is none.
    """

    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong"
    status: ClassVar[int] = 500
    remedy: ClassVar[str] = "Try again; if it happens again, give the request id to your admin."

    def __init__(
        self,
        detail: str = "",
        checks: tuple[Check, ...] = (),
        retry_after_seconds: int | None = None,
        pointer: str = "",
    ) -> None:
        super().__init__(detail, checks, retry_after_seconds, pointer)
        self.detail = detail
        self.checks = checks
        self.retry_after_seconds = retry_after_seconds
        self.pointer = pointer

    def __str__(self) -> str:
        return f"{self.code}: {self.detail or self.title}"


class InvalidRequest(HousemodelError):
    code, title, status = "invalid_request", "The request can't be read as it is", 422
    remedy = "Correct the named field and send the request again."


class ImageCheckFailed(InvalidRequest):
    code, title = "image_check_failed", "A photo can't be used"
    remedy = "Follow the hint of each failed check and upload a better photo."


class AttestationMissing(InvalidRequest):
    code, title = "attestation_missing", "Not every compliance box was ticked"
    remedy = "Read GET /v1/capabilities again and send every attestation id with its sha256."


class UnresolvedPlaceholder(InvalidRequest):
    code, title = "prompt_unresolved_placeholder", "A placeholder in the prompt has no value"
    remedy = "Choose what the placeholder stands for, or take it out ($$ writes a dollar sign)."


class ContentRefused(InvalidRequest):
    code, title = "content_refused", "This content is not allowed"
    remedy = "Change the prompt or the photos so that they keep to the terms of the consent."


class PackInvalid(InvalidRequest):
    code, title = "pack_invalid", "The pack can't be used"
    remedy = "Restore or import the pack again; `housemodel pack verify` names what is wrong."


class Unauthenticated(HousemodelError):
    code, title, status = "unauthenticated", "Sign-in needed", 401
    remedy = "Send `Authorization: Bearer hm_...` with a valid key, or sign in to the console."


class Refused(HousemodelError):
    code, title, status = "refused", "Not allowed", 403
    remedy = "Ask your workspace's admin what your key may do."


class ScopeMissing(Refused):
    code, title = "scope_missing", "This key may not do that"
    remedy = "Use a key with the named scope: `housemodel key create --scopes ...`."


class ToolNotAllowed(Refused):
    code, title = "tool_not_allowed_for_model", "Custom models can't be used on this tool"
    remedy = "Use Editorial Images or Flatlay to Catalog with this model."


class ConsentMissing(Refused):
    code, title = "consent_missing", "No consent is on record for this model"
    remedy = "Record the person's consent for this model first."


class ConsentExpired(Refused):
    code, title = "consent_expired", "The consent for this model has ended"
    remedy = "Record a new consent, or choose another model."


class ConsentOutOfScope(Refused):
    code, title = "consent_out_of_scope", "The consent does not cover this use"
    remedy = "Choose a purpose, channel and territory that the consent names."


class ConsentSuspended(Refused):
    code, title = "consent_suspended", "The consent for this model is suspended"
    remedy = "Ask legal to resume it, or choose another model."


class PlanExcludesCustomModels(Refused):
    code, title = "plan_excludes_custom_models", "The workspace's plan has no custom models"
    remedy = "An admin moves it: `housemodel workspace plan NAME pro`."


class LicenceNotAcknowledged(Refused):
    code, title = "licence_not_acknowledged", "The pack's licence was not acknowledged"
    remedy = "Record the contract: `housemodel pack acknowledge NAME --contract REF --by NAME`."


class ApprovalMissing(Refused):
    code, title = "approval_missing", "Somebody still has to approve this"
    remedy = "Ask legal, or the person through their own page, to decide about it."


class RetentionPolicyMissing(Refused):
    code, title = "retention_policy_missing", "There is no published retention policy"
    remedy = "Publish one first: PATCH /v1/policy with `retention_url`."


class ResemblesModel(Refused):
    code, title = "resembles_model", "This face is like that of somebody who is enrolled"
    remedy = "Choose another candidate: a fictional person looks like nobody of this workspace."


class AddressNotAllowed(Refused):
    code, title = "address_not_allowed", "Not from this network"
    remedy = "Call from a network that is listed; `housemodel workspace networks NAME` shows them."


class NotFound(HousemodelError):
    code, title, status = "not_found", "There is nothing under this id", 404
    remedy = "Check the id; lists show what this workspace has."


class Conflict(HousemodelError):
    code, title, status = "conflict", "The request does not fit the present state", 409
    remedy = "Read the resource again and decide from its present state."


class IdempotencyConflict(Conflict):
    code, title = "idempotency_conflict", "This Idempotency-Key was used with another body"
    remedy = "Use a new Idempotency-Key for a new request."


class NotReady(Conflict):
    code, title = "not_ready", "This model is not ready"
    remedy = "Wait until its status is ready, or look at its checks."


class ModelRevoked(HousemodelError):
    code, title, status = "model_revoked", "The person withdrew; this model is gone", 410
    remedy = "Choose another model."


class PayloadTooLarge(HousemodelError):
    code, title, status = "payload_too_large", "This is too large", 413
    remedy = "Send a smaller file; GET /v1/capabilities names the limits."


class UnsupportedImage(HousemodelError):
    code, title, status = "unsupported_image", "This file can't be read as a photo", 415
    remedy = "Send a complete JPEG, PNG, WEBP or HEIC file."


class TooMany(HousemodelError):
    code, title, status = "too_many", "Too much at once", 429
    remedy = "Wait as long as Retry-After says, then try again."


class QuotaExceeded(TooMany):
    code, title = "quota_exceeded", "The workspace's quota is used up"
    remedy = "Delete what is not needed, or ask your admin for a larger plan."


class QueueFull(TooMany):
    code, title = "queue_full", "The queue is full"


class RateLimited(TooMany):
    code, title = "rate_limited", "Too many attempts"


class Fault(HousemodelError):
    """Something broke on our side."""


class EngineFailed(Fault):
    code, title = "engine_failed", "The picture could not be rendered"
    remedy = "Try again; if it fails again, run `housemodel doctor`."


class MarkingFailed(Fault):
    code, title = "marking_failed", "The picture could not be marked, so it was not released"
    remedy = "Run `housemodel doctor`; it names what the marking needs."


class SealBroken(Fault):
    code, title = "seal_broken", "Stored data was changed or damaged"
    remedy = "Run `housemodel doctor`; it lists what is damaged. Restore it from a backup."


class StorageFailed(Fault):
    code, title = "storage_failed", "The home folder can't be read or written"
    remedy = "See that its disk is there, writable and healthy, then run `housemodel doctor`."


class Unavailable(HousemodelError):
    code, title, status = "unavailable", "Not available right now", 503
    remedy = "Try again in a moment."


class Locked(Unavailable):
    code, title = "locked", "This workspace is locked"
    remedy = "Unlock it: `housemodel workspace unlock`."


class ApplianceLocked(Locked):
    """The root key is not there yet: nothing of any workspace can be opened."""

    title = "The appliance is locked"
    remedy = "Unlock it: `housemodel unlock`; without the root key or passphrase nothing opens."


class Starting(Unavailable):
    code, title = "starting", "The service is still starting"


class StorageFull(HousemodelError):
    code, title, status = "storage_full", "The disk is full", 507
    remedy = "Free disk space; nothing was lost, and the request can be sent again."
