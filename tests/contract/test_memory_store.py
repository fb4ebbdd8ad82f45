"""The store in memory keeps the contract."""

from pathlib import Path

from eachwise.adapters.memory import MemoryStore
from eachwise.contracts.ports import Store
from tests.contract.journeys_contract import JourneysContract
from tests.contract.outbox_contract import OutboxContract
from tests.contract.store_contract import StoreContract


class TestMemoryStore(StoreContract, JourneysContract, OutboxContract):
    """One line an adapter."""

    def make_store(self, path: Path) -> Store:
        return MemoryStore()
