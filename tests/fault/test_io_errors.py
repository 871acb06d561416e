"""One call that makes something durable fails, with EIO or ENOSPC, at the N-th place: the daemon says so and
either goes on or ends in words; nothing torn is shown, and the next mount puts things right. N counts up until
a run passes untouched."""
import errno

import pytest

from faults import Journal, is_one_of, nothing_torn
from rig import wait_for
from shimmed import Shimmed, finished, needs_shim, save

pytestmark = [*needs_shim, pytest.mark.seconds(300)]


def worked_on(shimmed, lib, name, text, n, error):
    """One prompt while the n-th call fails: (state it came to or None if the daemon ended, was it met)."""
    assert shimmed.mount(kill=n, fail=error, armed=False)
    lib.idle()
    shimmed.arm.touch()
    save(lib, name, text)
    wait_for(lambda: shimmed.dead() or finished(lib, name), what=lambda: (n, lib.log()))
    if not shimmed.dead():
        shimmed.idle_or_dead()
    met = len(shimmed.points()) >= n
    if shimmed.dead():
        shimmed.buried(code=1)
        assert "the next start goes on from the journal" in lib.log()
        return None, met
    state = lib.state(name)
    nothing_torn(lib)
    return state, met


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC], ids=errno.errorcode.get)
def test_one_failed_call(fake, libraries, error):
    lib = libraries(fake=fake, tables={"budget": {"daily_usd": 1000, "monthly_usd": 1000, "bulk_count": 1000}})
    shimmed = Shimmed(lib)
    lib.mount()
    lib.idle()
    lib.umount()
    n, met, seen = 0, True, {}
    while met:
        n += 1
        assert n < 300
        name, text = f"images/p{n}.txt", f"call {n} fails"
        state, met = worked_on(shimmed, lib, name, text, n, error)
        seen[state] = seen.get(state, 0) + 1
        assert state in (None, "done", "unknown", "failed"), state
        if state:
            lib.kill()
        lib.mount()
        lib.wait_state(name, "done", "unknown", "failed", seconds=60)
        if lib.state(name) != "done":
            assert lib.exists(name[:-4] + ".error.log")
            lib.ymago("retry", lib.path(name))
        lib.wait_state(name, "done", seconds=60)
        stats = fake.stats()
        assert is_one_of(lib, name[:-4] + ".jpg", stats["made"]) == text
        assert stats["paid_by_prompt"][text] <= 2
        lib.idle()
        lib.umount()
    print(f"{n - 1} calls: {seen}")
    assert n > 12
    with Journal(lib) as j:
        assert fake.stats(log=False)["paid"] <= j.attempts()
        assert set(j.states()) == {"done"}
