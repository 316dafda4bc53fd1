from newsletter.management.stage import StageCommand


class Command(StageCommand):
    """Send what is due, after settling what a crashed process left."""

    help = "Send what is due, after settling what a crashed process left."
    stage = "send"
