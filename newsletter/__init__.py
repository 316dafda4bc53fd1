"""Paper Round. ARCHITECTURE.md shows the rooms and the way the data takes."""
