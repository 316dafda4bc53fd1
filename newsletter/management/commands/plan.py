from newsletter.management.stage import StageCommand


class Command(StageCommand):
    """Make the copies of every slot due within the next half hour."""

    help = "Make the copies of every slot due within the next half hour."
    stage = "plan"
