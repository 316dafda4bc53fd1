from newsletter.management.stage import StageCommand


class Command(StageCommand):
    """Apply what providers have said: bounces, complaints, deliveries."""

    help = "Apply what providers have said: bounces, complaints, deliveries."
    stage = "record"
