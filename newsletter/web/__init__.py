"""The reader's door: pages, forms, feeds, health, webhooks."""
