"""The embedded store keeps the contract."""

from pathlib import Path

from eachwise.adapters.sqlite import SqliteStore
from eachwise.contracts.ports import Store
from tests.contract.journeys_contract import JourneysContract
from tests.contract.outbox_contract import OutboxContract
from tests.contract.store_contract import StoreContract


class TestSqliteStore(StoreContract, JourneysContract, OutboxContract):
    """One line an adapter."""

    def make_store(self, path: Path) -> Store:
        return SqliteStore(path)
