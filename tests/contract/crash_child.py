"""Commits without end from several threads, and prints what is durable: made to be killed.

Arguments: the store's directory, and a word that makes the message ids of this run its own.
"""

import sys
import threading
from pathlib import Path

from msgspec.structs import replace

from eachwise.adapters.sqlite import SqliteStore
from eachwise.contracts.ports import Commit
from tests.contract.makers import a_message, an_event, an_instance, some_events

EVENTS_A_COMMIT = 25
THREADS = 4


def commit_for_ever(store: SqliteStore, word: str, said: threading.Lock) -> None:
    """Commit events with one state, one move and one message each time; say so once it is durable.

    Every message is claimed and settled before the next commit; of each worker's own channel there is one at a time.
    """
    number = 0
    while True:
        name = f"{word}-{number}"
        # One message of the commit before comes again, as from a client that retries.
        events = [*some_events(EVENTS_A_COMMIT - 1, name), an_event(f"{word}-{number - 1}-0")]
        commit = Commit(
            events=events,
            individuals={word: b"%d" % number},
            instances={word: an_instance(word, path=number, wake_at_us=number + 1)},
            messages=[a_message(name, channel=word)],
        )
        store.commit(commit).result()
        with said:
            sys.stdout.write(f"{name}\n")
            sys.stdout.flush()
        (held,) = store.claim_messages(word, 1_000, 2**60, 9, [word]).result()
        assert held.message_id == name
        sent = store.commit(Commit(settled=[replace(held, state="sent", attempts=1)])).result()
        assert sent.settled == [True]
        with said:
            sys.stdout.write(f"{name} sent\n")
            sys.stdout.flush()
        number += 1


def main() -> None:
    """Run until killed."""
    store = SqliteStore(Path(sys.argv[1]))
    said = threading.Lock()
    for thread in range(THREADS):
        arguments = (store, f"{sys.argv[2]}.{thread}", said)
        threading.Thread(target=commit_for_ever, args=arguments).start()


if __name__ == "__main__":
    main()
