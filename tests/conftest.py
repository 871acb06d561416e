"""Fixtures of the mount and fault suites; rig.py does the work."""
import os
import sys
import threading

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import rig  # noqa: E402

TEST_SECONDS = 90 * rig.SLOW


def pytest_configure(config):
    config.addinivalue_line("markers", "seconds(n): how long a test may take, where that is more than usual")


@pytest.fixture(autouse=True)
def rescue_timer(request):
    """A daemon that does not answer must fail the test, not hang it."""
    longer = request.node.get_closest_marker("seconds")
    timer = threading.Timer(longer.args[0] * rig.SLOW if longer else TEST_SECONDS, rig.rescue_all)
    timer.daemon = True
    timer.start()
    yield
    timer.cancel()


@pytest.fixture(scope="module")
def gemini_server():
    from fake import FakeGemini
    with FakeGemini("--small") as fake:
        yield fake


@pytest.fixture
def fake(gemini_server):
    """The strict stand-in for Google, with fresh counts."""
    gemini_server.reset()
    yield gemini_server
    gemini_server.clear()


@pytest.fixture
def libraries(request):
    """A maker of libraries: libraries(fake=..., ...) -> Library, not mounted. All are closed at the end."""
    made = []

    def make(**options):
        made.append(rig.Library(**options))
        return made[-1]
    yield make
    failed = getattr(request.node, "failed", False)
    problems = []
    for lib in made:
        if failed:
            print(f"---- log of {lib.dir}\n{lib.log()}")
        try:
            lib.close()
        except AssertionError as e:
            problems.append(e)
    if problems and not failed:
        raise problems[0]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "call" and report.failed:
        item.failed = True


@pytest.fixture
def lib(libraries, fake):
    """A library, not mounted, whose images come from the fake Gemini."""
    return libraries(fake=fake)


@pytest.fixture
def mount(lib):
    """The same, mounted in place."""
    lib.mount()
    return lib


@pytest.fixture
def sketch(libraries):
    """A mounted library without any key: the built-in sketch draws."""
    lib = libraries()
    lib.mount()
    return lib
