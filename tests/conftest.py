"""Every test process has a data folder of its own, made before Django reads the settings.

PAPERROUND_NO_SKIPS=1 (CI) turns a skipped test into a failed run.
"""

import atexit
import os
import shutil
import tempfile

import pytest

_DATA = tempfile.mkdtemp(prefix="pr-test-")
atexit.register(shutil.rmtree, _DATA, ignore_errors=True)
os.environ["PAPERROUND_DATA"] = _DATA
os.environ.setdefault("SECRET_KEY", "tests-only-" + "x" * 40)
os.environ["KEY_PREFIX"] = f"pr-test-{os.getpid()}"
os.environ["MAIL_URL"] = "file:"
os.environ["WEBHOOK_SECRET"] = "hook:a-secret-for-tests"
for name in ("PUBLIC_URL", "HOST", "PORT"):
    os.environ.pop(name, None)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if os.environ.get("PAPERROUND_NO_SKIPS") != "1" or hasattr(session.config, "workerinput"):
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("skipped") and session.exitstatus == 0:
        reporter.write_line("PAPERROUND_NO_SKIPS=1: a skipped test is a failure here.", red=True)
        session.exitstatus = 1
