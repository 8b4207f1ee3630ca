"""What is known of routes until the catalog changes: a call pays for it once.

Refuses to remember what is refused, and how channels fare.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Final

from msgspec.structs import replace

from grip import errors
from grip.gateway import routing
from grip.gateway.call import Call, Offer, Plan, Reach, Route
from grip.gateway.routing import Choices
from grip.store.records import Caller, Catalog, Model

_MOST: Final = 10_000
"""So many are remembered at the most: names come from clients."""

_ANSWERED_HERE: Final = frozenset({"/messages/count_tokens"})
"""The routes on which grip itself answers where no channel can."""

Known = tuple[Choices, Route]


class Routes:
    """The choices for each kind of call, of one snapshot of the catalog."""

    def __init__(
        self,
        kinds: Callable[[str], Collection[str]],
        tier_groups: Mapping[str, frozenset[str] | None],
        region: str,
        attempts: int,
    ) -> None:
        self._kinds = kinds
        self._tier_groups = tier_groups
        self._region = region
        self._attempts = attempts
        self._catalog: Catalog | None = None
        self._known: dict[object, Known] = {}

    def find(self, catalog: Catalog, caller: Caller, call: Call) -> Known:
        """Return the choices for a call, and what they were made of.

        Raises ModelNotFound, ModelNotAllowed or InvalidRequest.
        """
        if catalog is not self._catalog or len(self._known) > _MOST:
            self._catalog = catalog
            self._known = {}
        key = (
            call.model,
            call.path,
            caller.models,
            caller.groups,
            caller.tier,
            caller.providers,
        )
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._look_up(catalog, caller, call)
        return known

    def refused(self, caller: Caller, call: Call) -> Plan | None:
        """Return a plan without a way for a call that `find` has refused, for its detail.

        None where its model is the reason, since there are no channels to tell of.
        """
        catalog = self._catalog
        if catalog is None:
            return None
        try:
            model = routing.find_model(catalog, caller, call.model, call.type)
        except errors.GripError:
            return None
        return Plan(
            caller=caller,
            offers=(),
            candidates=(),
            catalog_version=catalog.version,
            route=self._route(catalog, caller, call, model),
        )

    def _look_up(self, catalog: Catalog, caller: Caller, call: Call) -> Known:
        model = routing.find_model(catalog, caller, call.model, call.type)
        route = self._route(catalog, caller, call, model)
        reach = route.reach
        offers = routing.offers(catalog, caller, model, call.units)
        found = routing.choices(catalog, offers, reach)
        if not any(found.eligible) and call.path not in _ANSWERED_HERE:
            self._refuse(catalog, offers, reach, call)
        return found, route

    def _route(self, catalog: Catalog, caller: Caller, call: Call, model: Model) -> Route:
        reach = routing.reach_of(
            caller,
            self._tier_groups,
            kinds=self._kinds(call.path),
            region=self._region,
            attempts=self._attempts,
        )
        return Route(catalog=catalog, caller=caller, model=model, reach=reach, units=call.units)

    def _refuse(
        self, catalog: Catalog, offers: tuple[Offer, ...], reach: Reach, call: Call
    ) -> None:
        """Raise what stands between the call and its channels, where it is no passing trouble.

        InvalidRequest where it is the route alone; ServiceUnavailable, as the contract has it for
        whoever is left without a channel, where it is what key, tier and wallet allow.
        """
        every = replace(reach, kinds={channel.kind for channel in catalog.channels})
        if any(routing.choices(catalog, offers, every).eligible):
            raise errors.InvalidRequest(
                f"{call.model!r} is not served on /v1{call.path}: what its channels speak cannot "
                "answer there; see the other routes",
                param="model",
            )
        unbound = replace(every, allowed=(), providers=None)
        if any(routing.choices(catalog, offers, unbound).eligible):
            raise errors.ServiceUnavailable(
                f"{call.model!r} has no channel that {_bounds(reach)} allow; take another model, "
                "or ask the operator",
                param="model",
            )


def _bounds(reach: Reach) -> str:
    """Return what narrows the channels of a call, as words."""
    key, tier, _ = reach.allowed
    bounds = (
        ("the groups of this API key", key),
        ("the groups of its wallet's tier", tier),
        ("the wallet's policy on providers", reach.providers),
    )
    return " and ".join(words for words, bound in bounds if bound is not None)
