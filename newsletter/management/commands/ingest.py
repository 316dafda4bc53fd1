from newsletter.management.stage import StageCommand


class Command(StageCommand):
    """Read every source that is due, and gather what is new into the open issue."""

    help = "Read every source that is due, and gather what is new into the open issue."
    stage = "ingest"
