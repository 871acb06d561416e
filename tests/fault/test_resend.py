"""A request that pays leaves at most once, whatever the connection does. libcurl by itself sends a POST
again when a kept connection dies before the first byte of the reply."""
import pytest

from faults import nothing_torn
from rig import wait_for


@pytest.fixture
def lib(fake, libraries):
    lib = libraries(fake=fake, tables={"budget": {"retry_unknown_max_usd": 0}})
    lib.mount()
    lib.make("images/first.txt", "the first, which makes the connection")
    return lib



@pytest.mark.parametrize("do", ["swallow", "reset"])
def test_second_request_of_a_kept_connection(fake, lib, do):
    fake.script([{"do": do, "match": "second", "after": 0, "paid": True}])
    before = fake.stats(log=False)
    lib.save("images/second.txt", "the second")
    lib.wait_state("images/second.txt", "unknown")
    assert fake.stats(log=False)["by_prompt"]["the second"] == 1
    assert fake.stats(log=False)["connections"] - before["connections"] <= 3, "the connection was not kept"
    lib.wait_exists("images/second.error.log")
    assert "unknown" in lib.read("images/second.error.log")
    lib.ymago("retry", lib.path("images/second.txt"))
    lib.wait("images/second.txt")
    assert fake.stats(log=False)["by_prompt"]["the second"] == 2
    nothing_torn(lib)


def test_a_server_that_went_away_meanwhile(fake, lib):
    """The kept connection is closed by the server before it is used again: nothing was sent on it, so a
    new one is made and the request counts once."""
    port = fake.port
    fake.stop()
    fake.start()
    assert fake.port == port
    assert len(lib.make("images/third.txt", "the third")) == 1
    assert fake.stats(log=False)["by_prompt"] == {"the third": 1}


def test_dead_while_it_waits(fake, lib):
    """The server dies with the request in its hands."""
    fake.script([{"do": "hang", "match": "fourth"}])
    lib.save("images/fourth.txt", "the fourth")
    fake.wait_for(lambda s: s["by_prompt"].get("the fourth"))
    fake.stop()
    lib.wait_state("images/fourth.txt", "unknown")
    fake.start()
    lib.save("images/other.txt", "another one")
    lib.wait("images/other.txt", seconds=60)  # the provider was offline for at most one probe
    assert "the fourth" not in fake.stats(log=False)["by_prompt"]
    assert lib.state("images/fourth.txt") == "unknown"
    wait_for(lambda: lib.status()["jobs"]["unknown"] == 1)
