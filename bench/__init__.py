"""Measurements beside the product: manage.py bench NAME [--json]. May import all of it; nothing imports it."""
