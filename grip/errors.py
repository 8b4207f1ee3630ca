"""Every failure grip names: a stable code for programs, a sentence for people.

Owns the root of the error tree and the categories that an edge maps to an HTTP status or an exit
status. Refuses to know either: statuses live in `web`, exit statuses in `cli`.
"""

import enum
from collections.abc import Mapping
from typing import ClassVar


class Category(enum.StrEnum):
    """The kind of a failure, from which each edge derives its own status."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    UNPROCESSABLE = "unprocessable"
    PAYMENT_REQUIRED = "payment_required"
    RATE_LIMITED = "rate_limited"
    TOO_LARGE = "too_large"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


class GripError(Exception):
    """A failure with a stable `code`, a `category`, and one sentence that says what to do.

    The message may be shown to anybody; `detail` is for the operator alone.

    `param` names the offending parameter or key, `metadata` holds facts for programs, and
    `retry_after_s` is the whole number of seconds after which the same call is worth repeating.
    `standings` are the rate limits of requests and tokens, for the headers of an answer.
    """

    code: ClassVar[str] = "internal_error"
    category: ClassVar[Category] = Category.INTERNAL

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        metadata: Mapping[str, object] | None = None,
        retry_after_s: int | None = None,
        detail: str = "",
    ) -> None:
        super().__init__(f"{message}: {detail}" if detail else message)
        self.message = message
        self.detail = detail
        self.param = param
        self.metadata: Mapping[str, object] = {} if metadata is None else metadata
        self.retry_after_s = retry_after_s
        self.standings: tuple[object, object] = (None, None)


class ConfigurationInvalid(GripError):
    """A key of the configuration, or the file itself, cannot be used; `param` is the key."""

    code = "invalid_configuration"
    category = Category.INVALID


class SecretUnresolved(GripError):
    """A secret reference is malformed, or what it points to is missing, empty or unreadable."""

    code = "secret_unresolved"
    category = Category.UNAVAILABLE


class InvalidRequest(GripError):
    """A request or a command names something that cannot be; nothing was held or written."""

    code = "invalid_request_error"
    category = Category.INVALID


class RequestTooLarge(GripError):
    """A body is over `[server] max_body_bytes`, a form over `max_upload_bytes`."""

    code = "request_too_large"
    category = Category.TOO_LARGE


class MethodNotAllowed(GripError):
    """The route exists, and takes another method."""

    code = "method_not_allowed"
    category = Category.METHOD_NOT_ALLOWED


class InvalidApiKey(GripError):
    """A key is missing, unknown, revoked or expired, or its member or account is gone."""

    code = "invalid_api_key"
    category = Category.UNAUTHENTICATED


class HookRefused(GripError):
    """A call about a task is not its vendor's, not for the first time, or not about its job."""

    code = "webhook_refused"
    category = Category.UNAUTHENTICATED


class MetricsForbidden(GripError):
    """Somebody who is neither on this machine nor has the token asks for its metrics."""

    code = "metrics_forbidden"
    category = Category.FORBIDDEN


class ModelNotAllowed(GripError):
    """The model is not on the key's allowlist."""

    code = "model_not_allowed"
    category = Category.FORBIDDEN


class ModelNotFound(GripError):
    """The model is not in the price book, is disabled, or has no price."""

    code = "model_not_found"
    category = Category.NOT_FOUND


class OwnerOnly(GripError):
    """What was asked for is the wallet's owner's to do, and a member's key asked."""

    code = "owner_only"
    category = Category.FORBIDDEN


class BillingProfileMissing(GripError):
    """A wallet has nobody to write an invoice to."""

    code = "billing_profile_missing"
    category = Category.CONFLICT


class InsufficientCredits(GripError):
    """The wallet cannot cover an amount; `metadata` has `required`, `available` and `held`."""

    code = "insufficient_credits"
    category = Category.PAYMENT_REQUIRED


class ApiKeyBudgetExhausted(GripError):
    """The key's credit budget cannot cover the estimated cost."""

    code = "api_key_budget_exhausted"
    category = Category.PAYMENT_REQUIRED


class MemberLimitExhausted(GripError):
    """The member's limit in this wallet cannot cover the estimated cost."""

    code = "member_limit_exhausted"
    category = Category.PAYMENT_REQUIRED


class RateLimitExceeded(GripError):
    """A sliding window is full; `metadata["limit"]` says which, `retry_after_s` for how long."""

    code = "rate_limit_exceeded"
    category = Category.RATE_LIMITED


class IdempotencyKeyReused(GripError):
    """An Idempotency-Key came again with another body."""

    code = "idempotency_key_reused"
    category = Category.UNPROCESSABLE


class IdempotencyKeyInUse(GripError):
    """The first call with an Idempotency-Key is still running."""

    code = "idempotency_key_in_use"
    category = Category.CONFLICT


class IdempotencyResultUnavailable(GripError):
    """The first call with an Idempotency-Key was charged, and its answer cannot be given again."""

    code = "idempotency_result_unavailable"
    category = Category.CONFLICT


class ServiceUnavailable(GripError):
    """No channel completed the request, or the database is away."""

    code = "service_unavailable"
    category = Category.UNAVAILABLE


class NotFound(GripError):
    """A command or a route names a thing that does not exist."""

    code = "not_found"
    category = Category.NOT_FOUND


class Ambiguous(GripError):
    """A name fits several things; the id says which one is meant."""

    code = "ambiguous"
    category = Category.CONFLICT


class Conflict(GripError):
    """The change does not fit the present state, which the message tells."""

    code = "conflict"
    category = Category.CONFLICT


class MemberCapReached(GripError):
    """The wallet's tier admits no further member."""

    code = "member_cap_reached"
    category = Category.CONFLICT


class DatabaseOutdated(GripError):
    """The schema is not the one of this version; `grip db upgrade` mends it."""

    code = "database_outdated"
    category = Category.UNAVAILABLE


class DatabaseUnavailable(ServiceUnavailable):
    """The database cannot be reached, or did not answer in time."""


class BackupUnusable(GripError):
    """A file is no backup of grip's, is broken, or is of a newer version."""

    code = "backup_unusable"
    category = Category.UNPROCESSABLE


class BackupFailed(GripError):
    """A backup or a restore was not finished; what there was before is as it was."""

    code = "backup_failed"
    category = Category.UNAVAILABLE


class BooksBroken(GripError):
    """A guard of the ledger fired: a row count or a constraint that can only fail by a defect."""

    code = "books_broken"
    category = Category.INTERNAL


class ResultUnavailable(GripError):
    """A task's result cannot be had from the vendor: its link is dead, or the answer broke."""

    code = "result_unavailable"
    category = Category.UNAVAILABLE


class ResultGone(ResultUnavailable):
    """The vendor does not have a result any more; asking for it again will not help."""

    code = "result_gone"
    category = Category.NOT_FOUND


class ResultTooLarge(ResultUnavailable):
    """A result is over `[results] max_bytes`; asking for it again will not help."""


class ResultNotAsClaimed(ResultUnavailable):
    """What came as a result is none: empty, cut, or of another kind than the task makes."""


class ResultMissing(NotFound):
    """A result is not kept, or not any more."""


class VariantUnavailable(NotFound):
    """A video was asked for as something that grip does not make of it."""

    code = "variant_unavailable"


class ResultStoreUnavailable(ServiceUnavailable):
    """The place where results are kept cannot be read or written; the result itself may be fine."""


class ResultStoreFull(ResultStoreUnavailable):
    """The disk of the results has no room, or would leave the books none."""


class PaymentProviderUnknown(NotFound):
    """No `[payments.NAME]` of the configuration has that name."""

    code = "payment_provider_unknown"


class PaymentProviderUnavailable(GripError):
    """A payment provider cannot be had, or does not speak as it should; ask it again later."""

    code = "payment_provider_unavailable"
    category = Category.UNAVAILABLE


class PaymentProviderRefused(GripError):
    """A payment provider said no, and will again; `detail` has its words, for the operator."""

    code = "payment_provider_refused"
    category = Category.UNPROCESSABLE


class PaymentProviderUnable(GripError):
    """This provider cannot do that: a key of its table is missing, or it keeps no books."""

    code = "payment_provider_unable"
    category = Category.CONFLICT


class RefundUnderWay(GripError):
    """Something failed after a refund was written down: it goes on, and is not asked for again."""

    code = "refund_under_way"
    category = Category.UNAVAILABLE


class AmountUnpayable(InvalidRequest):
    """A provider cannot take or return exactly this amount of this currency."""

    code = "amount_unpayable"


class WebhookRefused(GripError):
    """A webhook is not proven to be its provider's, or cannot be read; nothing was kept of it."""

    code = "webhook_refused"
    category = Category.UNAUTHENTICATED


class WebhookUnavailable(GripError):
    """Nobody could prove a webhook, for want of a secret: so none is taken, and no checkout."""

    code = "webhook_unavailable"
    category = Category.UNAVAILABLE


class ExportUnreadable(InvalidRequest):
    """A provider's export cannot be read; `metadata["line"]` says where."""

    code = "export_unreadable"


class DocumentInvalid(GripError):
    """An invoice lacks what the law wants, or does not add up; `param` is the field."""

    code = "invalid_document"
    category = Category.UNPROCESSABLE
