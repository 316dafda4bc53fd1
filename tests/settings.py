"""Settings of the tests: every test process has a data folder of its own, made before the real settings are read."""

import atexit
import os
import shutil
import tempfile

_DATA = tempfile.mkdtemp(prefix="pr-test-")
atexit.register(shutil.rmtree, _DATA, ignore_errors=True)
os.environ.update(
    PAPERROUND_DATA=_DATA,
    SECRET_KEY="tests-only-" + "x" * 40,
    KEY_PREFIX=f"pr-test-{os.getpid()}",
    MAIL_URL="file:",
    WEBHOOK_SECRET="hook:a-secret-for-tests",
)
for _name in (
    "PUBLIC_URL",
    "MAIL_URL_2",
    "MAIL_RATE",
    "MAIL_DOMAIN_RATE",
    "MAIL_DAILY_QUOTA",
    "WARM_UP",
    "MAIL_SPREAD_MINUTES",
    "HOST",
    "PORT",
    "MAIL_FROM",
    "SERVICE_FROM",
    "REPLY_TO",
    "DKIM_KEY",
    "BOUNCE_DOMAIN",
    "BOUNCE_MAILBOX",
    "WEBHOOK_KEYS",
    "POSTAL_ADDRESS",
    "ISSUE_CUTOFF",
    "LATE_HOURS",
    "KEEP_COPIES_DAYS",
    "KEEP_EVENTS_DAYS",
    "KEEP_RUNS_DAYS",
):
    os.environ.pop(_name, None)

from config.settings import *  # noqa: E402, F403
